//! A budget in minutes in epochs, by what the check has measured.

use serde_json::Value;

/// Epochs that `minutes` pay: the time × the epochs a second of one slot × the slots that are used of those connected.
///
/// # Errors
///
/// No measured rate, no slot.
pub fn epochs_of_minutes(
    minutes: f64,
    check: &Value,
    parallel: u32,
    slots: u32,
) -> Result<u64, String> {
    let rate = check.get("epochs_per_second").and_then(Value::as_f64);
    let Some(rate) = rate.filter(|rate| rate.is_finite() && *rate > 0.0) else {
        return Err(
            "minutes are turned into epochs by what the check has measured, and there is no check: give epochs or trainings"
                .to_owned(),
        );
    };
    let slots = slots.min(parallel);
    if slots == 0 {
        return Err(
            "minutes are turned into epochs by the slots of the connected workers, and none is connected: give epochs or trainings"
                .to_owned(),
        );
    }
    Ok((minutes * 60.0 * rate * f64::from(slots)).floor() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn minutes_are_those_of_the_slots_that_the_plan_uses() {
        let check = json!({"epochs_per_second": 0.5});
        assert_eq!(epochs_of_minutes(30.0, &check, 4, 2), Ok(1800));
        assert_eq!(epochs_of_minutes(30.0, &check, 4, 16), Ok(3600));
        assert!(epochs_of_minutes(30.0, &check, 4, 0).is_err());
        assert!(epochs_of_minutes(30.0, &json!(null), 4, 1).is_err());
    }
}
