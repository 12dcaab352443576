//! What is made: each sickness in several ways, and trainings that have none.

use hone_worker::cnn::diagnosis::State;
use serde_json::{Value, json};

/// A training, and what is to be said about it.
pub struct Case {
    pub state: State,
    /// In words, for the table.
    pub how: String,
    pub data: Value,
    pub model: Value,
    pub train: Value,
    pub epochs: u32,
}

impl Case {
    fn new(state: State, how: &str, data: Value, model: Value, train: Value, epochs: u32) -> Self {
        Self {
            state,
            how: how.to_owned(),
            data,
            model,
            train,
            epochs,
        }
    }
}

fn digits() -> Value {
    json!({"source": "digits", "validation": 360})
}

fn fashion(limit: u32) -> Value {
    json!({"source": "fashion-mnist", "validation": 1000, "limit": limit})
}

fn cifar(limit: u32) -> Value {
    json!({
        "source": "cifar10", "validation": 1000, "limit": limit, "preprocess": "mean-channel",
        "augment": {"flip": true, "shift": 4},
    })
}

fn small_conv() -> Value {
    json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32]})
}

/// The sicknesses; those on data sets that are not `there` are left out.
pub fn sick(there: impl Fn(&str) -> bool) -> Vec<Case> {
    let mut cases = on_digits();
    if there("fashion-mnist") {
        cases.extend(on_fashion());
    }
    if there("cifar10") {
        cases.extend(on_cifar());
    }
    cases.sort_by_key(|case| crate::name_of(case.state));
    cases
}

fn on_digits() -> Vec<Case> {
    use State::*;
    let case =
        |state, how, model, train, epochs| Case::new(state, how, digits(), model, train, epochs);
    let plain = |hidden: Value| json!({"hidden": hidden, "batch_norm": false});
    let deep = |activation: &str, std: f64| {
        json!({
            "hidden": [64, 64, 64, 64], "batch_norm": false, "activation": activation, "init": "normal", "init_std": std,
        })
    };
    let wide = |activation: &str| {
        json!({
            "hidden": [64, 64], "batch_norm": false, "activation": activation, "init": "normal", "init_std": 2,
        })
    };
    let few = |count: u32| json!({"source": "digits", "validation": 360, "limit": count});
    let tiny = json!({"hidden": [2], "activation": "tanh", "init": "xavier", "batch_norm": false});
    vec![
        case(
            RateTooLow,
            "64 hidden units, rate 1e-5",
            json!({"hidden": [64]}),
            json!({"learning_rate": 1e-5}),
            4,
        ),
        case(
            RateTooLow,
            "50 hidden units without batch norm, rate 1e-4",
            plain(json!([50])),
            json!({"learning_rate": 1e-4}),
            4,
        ),
        case(
            RateTooLow,
            "a convolution, Adam at 3e-5",
            small_conv(),
            json!({"optimizer": "adam", "learning_rate": 3e-5}),
            8,
        ),
        case(
            RateTooLow,
            "a convolution, one-cycle up to 3e-3",
            small_conv(),
            json!({"learning_rate": 3e-3, "schedule": "one-cycle"}),
            12,
        ),
        case(
            RateTooHigh,
            "a convolution, rate 3",
            small_conv(),
            json!({"learning_rate": 3}),
            6,
        ),
        case(
            RateTooHigh,
            "a convolution, rate 1.5",
            small_conv(),
            json!({"learning_rate": 1.5}),
            12,
        ),
        case(
            RateTooHigh,
            "64 hidden units, Adam at 0.2",
            json!({"hidden": [64]}),
            json!({"optimizer": "adam", "learning_rate": 0.2}),
            30,
        ),
        case(
            RateTooHigh,
            "a convolution without batch norm, Adam at 0.3",
            json!({"conv": [{"filters": 16, "pool": 2}], "hidden": [32], "batch_norm": false}),
            json!({"optimizer": "adam", "learning_rate": 0.3}),
            12,
        ),
        case(
            Diverged,
            "64 hidden units without batch norm, rate 1e4",
            plain(json!([64])),
            json!({"learning_rate": 1e4}),
            2,
        ),
        case(
            DeadUnits,
            "biases of -3",
            json!({"hidden": [64, 64], "batch_norm": false, "bias_init": -3}),
            json!({"learning_rate": 0.05}),
            3,
        ),
        case(
            DeadUnits,
            "a convolution without batch norm, rate 1",
            json!({"conv": [{"filters": 16, "pool": 2}], "hidden": [32], "batch_norm": false}),
            json!({"learning_rate": 1}),
            6,
        ),
        case(
            Saturated,
            "tanh, first weights of deviation 2",
            wide("tanh"),
            json!({}),
            3,
        ),
        case(
            Saturated,
            "sigmoid, first weights of deviation 2",
            wide("sigmoid"),
            json!({}),
            3,
        ),
        case(
            BadInit,
            "four layers of ReLU, first weights of 0.01",
            deep("relu", 0.01),
            json!({}),
            3,
        ),
        case(
            BadInit,
            "four layers of tanh, first weights of 0.01",
            deep("tanh", 0.01),
            json!({}),
            3,
        ),
        case(
            BadInit,
            "first weights of deviation 1 up to the output",
            json!({"hidden": [64, 64], "batch_norm": false, "init": "normal", "init_std": 1, "output_gain": 1}),
            json!({"learning_rate": 1e-6}),
            3,
        ),
        case(
            SymmetricUnits,
            "first weights of 0",
            json!({"hidden": [32], "init": "zero"}),
            json!({}),
            2,
        ),
        Case::new(
            Overfitting,
            "60 images, 128 hidden units",
            few(60),
            json!({"hidden": [128]}),
            json!({"batch_size": 20, "learning_rate": 0.05}),
            15,
        ),
        Case::new(
            Overfitting,
            "100 images, a convolution",
            few(100),
            small_conv(),
            json!({"batch_size": 20, "optimizer": "adam", "learning_rate": 3e-3}),
            20,
        ),
        case(
            Underfitting,
            "two hidden units",
            tiny,
            json!({"learning_rate": 0.1}),
            40,
        ),
        case(
            Underfitting,
            "weight decay of 0.05",
            json!({"hidden": [64], "batch_norm": false}),
            json!({"learning_rate": 0.1, "weight_decay": 0.05}),
            20,
        ),
        Case::new(
            Underfitting,
            "xor without a hidden layer",
            json!({"source": "xor"}),
            json!({"hidden": []}),
            json!({"learning_rate": 0.1}),
            6,
        ),
        case(
            StillImproving,
            "64 hidden units, rate 0.01, four epochs",
            json!({"hidden": [64]}),
            json!({"learning_rate": 0.01}),
            4,
        ),
        case(
            StillImproving,
            "a convolution, rate 0.01, eight epochs",
            small_conv(),
            json!({"learning_rate": 0.01}),
            8,
        ),
        case(
            StillImproving,
            "a convolution, Adam at 1e-3, six epochs",
            small_conv(),
            json!({"optimizer": "adam", "learning_rate": 1e-3}),
            6,
        ),
    ]
}

fn on_fashion() -> Vec<Case> {
    use State::*;
    let case = |state, how, model, train, epochs| {
        Case::new(state, how, fashion(3000), model, train, epochs)
    };
    vec![
        case(
            RateTooLow,
            "Fashion-MNIST: a convolution, rate 3e-4",
            small_conv(),
            json!({"learning_rate": 3e-4}),
            4,
        ),
        case(
            RateTooHigh,
            "Fashion-MNIST: a convolution, rate 2",
            small_conv(),
            json!({"learning_rate": 2}),
            8,
        ),
        case(
            Overfitting,
            "Fashion-MNIST: 1,000 images, 256 hidden units",
            json!({"hidden": [256]}),
            json!({"learning_rate": 0.05}),
            15,
        ),
        case(
            StillImproving,
            "Fashion-MNIST: a convolution, Adam at 3e-4, five epochs",
            small_conv(),
            json!({"optimizer": "adam", "learning_rate": 3e-4}),
            5,
        ),
    ]
}

fn on_cifar() -> Vec<Case> {
    use State::*;
    let lecture = json!({
        "source": "cifar10", "validation": 1000, "limit": 4000, "scale": 255,
    });
    let two_layers = json!({"hidden": [50], "batch_norm": false, "init": "normal", "init_std": 1e-4, "output_gain": 1});
    let pixels = json!({"source": "cifar10", "validation": 1000, "limit": 2000});
    vec![
        Case::new(
            RateTooLow,
            "CIFAR-10: the lecture's net at its 1e-6",
            lecture,
            two_layers,
            json!({"learning_rate": 1e-6, "batch_size": 200}),
            6,
        ),
        Case::new(
            Overfitting,
            "CIFAR-10: 2,000 images, 100 hidden units",
            pixels,
            json!({"hidden": [100]}),
            json!({"learning_rate": 0.05}),
            12,
        ),
    ]
}

/// `count` trainings without a fault: networks, optimizers and schedules in turn, at rates that suit them.
pub fn healthy(there: impl Fn(&str) -> bool, count: usize) -> Vec<Case> {
    let (fashion_there, cifar_there) = (there("fashion-mnist"), there("cifar10"));
    (0..count)
        .map(|index| match index % 10 {
            8 if fashion_there => healthy_fashion(index / 10),
            9 if cifar_there => healthy_cifar(index / 10),
            _ => healthy_digits(index),
        })
        .collect()
}

/// Optimizers with rates that suit them on nets of this size.
const OPTIMIZERS: [(&str, f64); 6] = [
    ("sgd", 0.1),
    ("adam", 0.006),
    ("nesterov", 0.1),
    ("adamw", 0.006),
    ("rmsprop", 0.003),
    ("adagrad", 0.05),
];

fn settings(optimizer: usize, schedule: &str) -> (String, Value) {
    let (name, rate) = OPTIMIZERS[optimizer % OPTIMIZERS.len()];
    let rule = if name == "nesterov" { "sgd" } else { name };
    // A cycle spends much of its time below its rate.
    let rate = if schedule == "one-cycle" {
        2.0 * rate
    } else {
        rate
    };
    let train = json!({
        "optimizer": rule, "nesterov": name == "nesterov", "learning_rate": rate, "schedule": schedule,
        "weight_decay": if name == "adamw" { 1e-2 } else { 1e-4 },
    });
    (format!("{name} at {rate}, {schedule}"), train)
}

fn healthy_digits(index: usize) -> Case {
    let nets = [
        json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32]}),
        json!({"hidden": [64]}),
        json!({"hidden": [64], "dropout": 0.2}),
        json!({"hidden": [64], "activation": "tanh", "init": "xavier"}),
        json!({"hidden": [64, 64]}),
        json!({"conv": [{"filters": 8, "residual": true, "repeat": 2, "pool": 2}], "hidden": [32]}),
        json!({"conv": [{"filters": 8, "pool": 2, "pool_kind": "average"}], "hidden": [32], "activation": "gelu"}),
        json!({"hidden": [64], "activation": "elu"}),
        json!({"conv": [{"filters": 16, "pool": 2}], "hidden": [32], "activation": "leaky_relu", "batch_norm": "conv"}),
        json!({"hidden": [48], "activation": "prelu"}),
        json!({"hidden": [32], "activation": "maxout"}),
        json!({"hidden": [64], "activation": "silu"}),
        json!({"hidden": [64], "activation": "sigmoid", "init": "xavier"}),
    ];
    let preprocess = ["mean-image", "mean-channel", "none", "standardize"];
    let schedules = ["constant", "one-cycle", "cosine", "step", "one-cycle"];
    let (words, train) = settings(index, schedules[index % schedules.len()]);
    let net = &nets[index % nets.len()];
    let mut data = digits();
    data["preprocess"] = json!(preprocess[index % preprocess.len()]);
    let how = format!("digits, {net}, {words}");
    Case::new(State::Healthy, &how, data, net.clone(), train, 18)
}

fn healthy_fashion(index: usize) -> Case {
    let net = json!({"conv": [{"filters": 8, "pool": 2}, {"filters": 16, "pool": 2}], "hidden": [32], "dropout": 0.2});
    let (words, train) = settings(index, "one-cycle");
    let mut data = fashion(6000);
    data["augment"] = json!({"flip": true, "shift": 1});
    Case::new(
        State::Healthy,
        &format!("Fashion-MNIST, {words}"),
        data,
        net,
        train,
        10,
    )
}

fn healthy_cifar(index: usize) -> Case {
    let net = json!({
        "conv": [{"filters": 16, "pool": 2}, {"filters": 32, "pool": 2}, {"filters": 32, "pool": 2}], "global_pool": true,
    });
    let (words, train) = settings(index, "one-cycle");
    Case::new(
        State::Healthy,
        &format!("CIFAR-10, {words}"),
        cifar(6000),
        net,
        train,
        10,
    )
}
