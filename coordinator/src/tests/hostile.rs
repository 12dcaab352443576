//! Every method with requests that nobody sane would send: none ends, hangs or confuses the coordinator.

use std::time::Duration;

use hone_proto::v1;
use prost::bytes::{Buf, BufMut, Bytes};
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use super::{
    harness::{FakeWorker, TestCoordinator, id, toy_sweep},
    requests,
};

/// Longer than any answer takes; an `Acquire` that waits for a trial takes longest.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than a message may be long.
const HUGE: usize = 5 << 20;

/// A field of a message: its number, and what stands there.
#[derive(Clone, Debug)]
struct Field {
    number: u64,
    value: Wire,
}

/// As it is encoded, <https://protobuf.dev/programming-guides/encoding/>.
#[derive(Clone, Debug)]
enum Wire {
    Varint(u64),
    Fixed(u64),
    Bytes(Vec<u8>),
}

impl Field {
    fn encode(&self, out: &mut Vec<u8>) {
        let tag = |kind| self.number << 3 | kind;
        match &self.value {
            Wire::Varint(n) => {
                varint(tag(0), out);
                varint(*n, out);
            }
            Wire::Fixed(bits) => {
                varint(tag(1), out);
                out.extend(bits.to_le_bytes());
            }
            Wire::Bytes(bytes) => {
                varint(tag(2), out);
                varint(bytes.len() as u64, out);
                out.extend(bytes);
            }
        }
    }
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

/// `None`: this is no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = read_varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Varint(read_varint(&mut bytes)?),
            1 => {
                let (value, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                Wire::Fixed(u64::from_le_bytes(*value))
            }
            2 => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Wire::Bytes(value.to_vec())
            }
            _ => return None,
        };
        let number = tag >> 3;
        (1..=30).contains(&number).then_some(())?;
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn message(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    fields.iter().for_each(|field| field.encode(&mut bytes));
    bytes
}

/// What may stand in a field's place.
fn instead(value: &Wire) -> Vec<Wire> {
    match value {
        Wire::Varint(_) => [
            0,
            1,
            u64::from(u32::MAX),
            1 << 32,
            i64::MAX as u64,
            u64::MAX,
        ]
        .map(Wire::Varint)
        .into(),
        Wire::Fixed(_) => [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308]
            .map(|x| Wire::Fixed(x.to_bits()))
            .into(),
        Wire::Bytes(bytes) => {
            let mut texts = vec![
                Vec::new(),
                vec![0; 16],
                vec![0xff, 0xfe],
                b"\x1b[2J\x07../\0".to_vec(),
                vec![b'['; 10_000],
            ];
            // Parts of a message are taken apart themselves.
            if let Some(parts) = fields(bytes).filter(|parts| !parts.is_empty()) {
                texts.extend(changed(&parts));
            }
            texts.into_iter().map(Wire::Bytes).collect()
        }
    }
}

/// The message with one of its fields left out, told twice, or another.
fn changed(parts: &[Field]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for (place, field) in parts.iter().enumerate() {
        let with = |replaced: &[Field]| {
            let mut all = parts.to_vec();
            all.splice(place..=place, replaced.iter().cloned());
            message(&all)
        };
        messages.push(with(&[]));
        messages.push(with(&[field.clone(), field.clone()]));
        for value in instead(&field.value) {
            messages.push(with(&[Field {
                value,
                ..field.clone()
            }]));
        }
    }
    messages
}

/// A good request, made bad in every way that is known here.
fn spoiled(good: &[u8]) -> Vec<Vec<u8>> {
    let parts = fields(good).unwrap();
    let mut all = changed(&parts);
    all.push(Vec::new());
    all.push(vec![0xff; 64]);
    // A field that nobody knows, then too much of one.
    for length in [10, HUGE] {
        let unknown = Field {
            number: 30,
            value: Wire::Bytes(vec![b'x'; length]),
        };
        all.push(message(&[parts.as_slice(), &[unknown]].concat()));
    }
    let step = good.len().div_ceil(80).max(1);
    for place in (0..good.len()).step_by(step) {
        all.push(good[..place].to_vec());
        let mut flipped = good.to_vec();
        flipped[place] ^= 1 << (place % 8);
        all.push(flipped);
    }
    all
}

/// Sends bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        answer.advance(answer.remaining());
        Ok(Some(()))
    }
}

async fn call(coordinator: &TestCoordinator, method: &str, body: Vec<u8>) -> Result<(), Status> {
    let mut raw = tonic::client::Grpc::new(coordinator.channel());
    raw.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/hone.v1.{method}")).unwrap();
    let request = tonic::Request::new(Bytes::from(body));
    let mut answers = raw.server_streaming(request, path, Raw).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// A sweep of its own with a trial that is held, for requests that mean something.
async fn held(coordinator: &TestCoordinator) -> (FakeWorker, v1::AttemptRef) {
    let fresh = u64::from_le_bytes(*id().first_chunk().unwrap());
    let name = format!("toy-{fresh}");
    let name = coordinator.launch(toy_sweep(&name, 6)).await;
    loop {
        let worker = coordinator.worker(&name).await;
        let attempt = worker.acquire().await.attempt.unwrap();
        let sweep = attempt.trial.as_ref().unwrap().sweep.clone();
        if sweep == name {
            return (worker, attempt);
        }
        // What an earlier request launched is in the way.
        let request = v1::SweepRequest { sweep };
        coordinator.sweeps().stop(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_ends_hangs_or_confuses_the_coordinator() {
    let coordinator = TestCoordinator::start().await;
    let (mut worker, mut attempt) = held(&coordinator).await;
    let methods = requests::good(&worker.session, &attempt);
    let mut calls = 0;
    for (index, (method, good)) in methods.iter().enumerate() {
        for change in 0..spoiled(good).len() {
            // The bytes of this moment's sweep, so that what is not spoiled in them holds.
            let (_, good) = &requests::good(&worker.session, &attempt)[index];
            let bodies = spoiled(good);
            let Some(body) = bodies.get(change).cloned() else {
                continue;
            };
            // The answer to a message that is not read to its end may be lost with the stream.
            let is_read = body.len() < HUGE;
            let answer = call(&coordinator, method, body);
            let answer = tokio::time::timeout(PATIENCE, answer).await;
            let answer = answer.unwrap_or_else(|_| panic!("{method}, change {change}: no answer"));
            calls += 1;
            match answer {
                Ok(()) if method.starts_with("History") => {}
                Ok(()) => (worker, attempt) = held(&coordinator).await,
                Err(status) if is_read => {
                    let ours = [
                        Code::Internal,
                        Code::Unknown,
                        Code::Unavailable,
                        Code::DataLoss,
                    ];
                    assert!(
                        !ours.contains(&status.code()) && !status.message().is_empty(),
                        "{method}, change {change}: {status}"
                    );
                }
                Err(_) => {}
            }
        }
    }
    assert!(calls >= 3000, "{calls}");
    assert_eq!(coordinator.findings().await, []);
    let (worker, attempt) = held(&coordinator).await;
    assert!(coordinator.state(&attempt.trial.unwrap().sweep).await == v1::SweepState::Running);
    worker.leave(false).await;
}
