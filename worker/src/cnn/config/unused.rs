//! Keys that were set but that the choices made leave without effect.

use serde_json::Value;

use super::{ActivationKind as A, Config, InitKind, OptimizerKind as O, ScheduleKind};

/// See [`Config::unused_keys`]. A spec that is not valid has none.
pub(super) fn unused_keys(spec: &Value) -> Vec<String> {
    let Ok(config) = Config::from_spec(spec) else {
        return Vec::new();
    };
    let mut unused = Vec::new();
    let mut note = |section: &str, key: &str, used: bool, reason: String| {
        if !used
            && spec
                .get(section)
                .is_some_and(|keys| keys.get(key).is_some())
        {
            unused.push(format!("{section}.{key} is not used: {reason}"));
        }
    };

    let activation = config.model.activation;
    let is = |kinds: &[A]| kinds.contains(&activation);
    let because = || format!("model.activation is {}", activation.name());
    note("model", "slope", is(&[A::LeakyRelu, A::Prelu]), because());
    note("model", "alpha", is(&[A::Elu]), because());
    note("model", "pieces", is(&[A::Maxout]), because());
    let init = config.model.init;
    let because = || format!("model.init is {}", name(&init));
    note("model", "init_std", init == InitKind::Normal, because());
    note("model", "init_shape", init != InitKind::Zero, because());
    note("model", "output_gain", init != InitKind::Zero, because());
    let hidden = !config.model.hidden.is_empty();
    note("model", "dropout", hidden, "model.hidden is empty".into());
    let conv = !config.model.conv.is_empty();
    note("model", "global_pool", conv, "model.conv is empty".into());

    let optimizer = config.train.optimizer;
    let is = |kinds: &[O]| kinds.contains(&optimizer);
    let because = || format!("train.optimizer is {}", name(&optimizer));
    note("train", "momentum", is(&[O::Sgd]), because());
    note("train", "nesterov", is(&[O::Sgd]), because());
    note("train", "beta1", is(&[O::Adam, O::Adamw]), because());
    note("train", "beta2", is(&[O::Adam, O::Adamw]), because());
    note("train", "decay_rate", is(&[O::Rmsprop]), because());
    note("train", "epsilon", !is(&[O::Sgd]), because());
    let schedule = config.train.schedule;
    let step = schedule == ScheduleKind::Step;
    let because = || format!("train.schedule is {}", name(&schedule));
    note("train", "gamma", step, because());
    note("train", "every", step, because());
    unused
}

/// An enum's name in the sweep file.
fn name(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
