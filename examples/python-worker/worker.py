"""A worker of hone in Python: heartbeats, epochs, resume and stop over hone.v1. README.md says how to start it."""

import json, os, signal, socket, sys, threading, time
import grpc
from blake3 import blake3
from hone.v1 import leases_pb2 as pb, leases_pb2_grpc, model_pb2 as model

TRAINER = "parabola"  # what a sweep file says: trainer = "parabola"
PASSING = [getattr(grpc.StatusCode, code) for code in "UNAVAILABLE RESOURCE_EXHAUSTED DEADLINE_EXCEEDED ABORTED".split()]


class Training:
    """One trial. Its whole state is a small dict, so that a checkpoint is a line of JSON."""
    def __init__(self, lease, state):
        self.params = json.loads(lease.spec_json)["params"]
        self.state = state or {"epoch": 0, "x": 1.0 + lease.seed % 7, "speed": 0.0}

    def epoch(self):
        started, s = time.monotonic(), self.state
        for _ in range(10):
            s["speed"] = self.params["momentum"] * s["speed"] - self.params["rate"] * 2 * s["x"]
            s["x"] += s["speed"]
        s["epoch"] += 1
        return s["epoch"], s["x"] * s["x"], time.monotonic() - started


class Worker:
    def __init__(self, address):
        self.leases = leases_pb2_grpc.LeasesStub(grpc.insecure_channel(address))
        self.session, self.draining, self.attempt = os.urandom(16), False, None
        self.directive, self.heartbeat_s, self.steps = pb.DIRECTIVE_CONTINUE, 15.0, 0

    def call(self, method, request, timeout=20):
        """Repeats a call until it is answered: every one is idempotent. Other refusals are for good."""
        wait = 0.1
        while True:
            try:
                return getattr(self.leases, method)(request, timeout=timeout)
            except grpc.RpcError as error:
                if error.code() not in PASSING:
                    raise
                time.sleep(wait)
                wait = min(2 * wait, 5)

    def register(self):
        reply = self.call("Register", pb.RegisterRequest(
            session=self.session, name=f"python-{socket.gethostname()}-{os.getpid()}",
            trainers=[TRAINER], slots=1, version="python-example"))
        self.heartbeat_s = reply.heartbeat_ms / 1000

    def beat(self):
        """Runs on a thread of its own: a heartbeat never waits for training."""
        while True:
            time.sleep(self.heartbeat_s)
            attempt = self.attempt
            progress = [pb.AttemptProgress(attempt=attempt, steps=self.steps)] if attempt else []
            beat = pb.HeartbeatRequest(session=self.session, attempts=progress, draining=self.draining)
            try:
                reply = self.leases.Heartbeat(beat, timeout=self.heartbeat_s)
            except grpc.RpcError:
                continue  # training goes on; the next one may arrive
            if reply.unknown_session:
                self.register()
            self.draining |= reply.drain
            for wanted in reply.attempts:
                if attempt and (wanted.trial, wanted.attempt) == (attempt.trial, attempt.attempt):
                    self.directive = max(self.directive, wanted.directive)

    def serve(self):
        self.register()
        threading.Thread(target=self.beat, daemon=True).start()
        while not self.draining:
            try:
                reply = self.call("Acquire", pb.AcquireRequest(
                    session=self.session, request_id=os.urandom(16), wait_ms=5000), timeout=25)
            except grpc.RpcError:  # most likely a coordinator that was restarted
                self.register()
                continue
            self.draining |= reply.drain
            if reply.HasField("lease"):
                self.train(reply.lease)
        self.call("Leave", pb.LeaveRequest(session=self.session, reason="drained"))

    def train(self, lease):
        self.attempt, self.directive = lease.attempt, pb.DIRECTIVE_CONTINUE
        try:
            print(f"{lease.attempt.trial.sweep}/{lease.attempt.trial.trial}: {self.end_of(lease)}", flush=True)
        except grpc.RpcError as error:
            print(f"given up: {error.details()}", file=sys.stderr)  # fenced, or refused for good
        finally:
            self.attempt = None

    def end_of(self, lease):
        if lease.kind != model.TRIAL_KIND_SEARCH:  # checks and tests: nothing to say here
            return self.finish(lease, "checked", completed=pb.Completed(), result_json='{"passed": true, "findings": []}')
        training = Training(lease, self.fetch(lease))
        while training.state["epoch"] < lease.to_epoch:
            if self.directive == pb.DIRECTIVE_FENCED:
                return "fenced"
            if self.directive in (pb.DIRECTIVE_STOP, pb.DIRECTIVE_PRUNE):
                return self.finish(lease, "ended by the coordinator", ended=pb.Ended())
            if self.draining or self.directive == pb.DIRECTIVE_RELEASE:
                blob = self.send(lease, training) if training.state["epoch"] else None
                self.call("Release", pb.ReleaseRequest(attempt=lease.attempt, checkpoint=blob, reason="drained"))
                return f"released after epoch {training.state['epoch']}"
            (epoch, loss, seconds), self.steps = training.epoch(), self.steps + 1
            if not loss < 1e30:
                return self.finish(lease, "diverged", diverged=pb.Diverged(epoch=epoch, reason=f"loss is {loss}"))
            done = pb.Epoch(epoch=epoch, metrics=[model.Metric(name="loss", value=loss)], seconds=seconds)
            reply = self.call("Report", pb.ReportRequest(attempt=lease.attempt, epochs=[done]))
            self.directive = max(self.directive, reply.directive)
        done = f"done at epoch {training.state['epoch']}"
        if lease.waits_at_end:
            return self.finish(lease, done, reached_rung=pb.ReachedRung(checkpoint=self.send(lease, training)))
        return self.finish(lease, done, completed=pb.Completed())

    def finish(self, lease, words, **outcome):
        self.call("Finish", pb.FinishRequest(attempt=lease.attempt, **outcome))
        return words

    def send(self, lease, training):
        """Hands the state to the coordinator, in pieces of at most 1 MiB, until it has committed the hash."""
        state = json.dumps(training.state).encode()
        epoch, kind = training.state["epoch"], model.BLOB_KIND_CHECKPOINT
        blob = model.Blob(hash=blake3(state).digest(), size=len(state), epoch=epoch, kind=kind)
        offset, committed = 0, False
        try:
            while not committed:
                piece = pb.PutPieceRequest(attempt=lease.attempt, blob=blob, offset=offset, data=state[offset:offset + (1 << 20)])
                reply = self.call("PutPiece", piece)
                offset, committed = reply.received, reply.committed
        except grpc.RpcError:  # no room for it; or we are fenced, as the next call will tell
            return None
        return blob

    def fetch(self, lease):
        """The state to go on from; None begins anew, which costs time and no truth."""
        state, blob = b"", lease.resume
        try:
            while lease.HasField("resume") and len(state) < blob.size:
                piece = pb.GetPieceRequest(attempt=lease.attempt, hash=blob.hash, offset=len(state))
                state += self.call("GetPiece", piece).data
        except grpc.RpcError:  # gone; or we are fenced, as the next call will tell
            return None
        return json.loads(state) if state and blake3(state).digest() == blob.hash else None


if __name__ == "__main__":
    worker = Worker(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7700")
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: setattr(worker, "draining", True))
    worker.serve()
