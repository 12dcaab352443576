//! Which combinations of choices a check looks at.

use serde_json::Value;

use super::Params;

/// More are never handed to a trainer, which drops those that do not differ for it.
const MOST: usize = 64;

/// One value for each choice (path and values): every combination when there are at most 64; else 64 that bring each value
/// of each choice up. None without choices.
pub fn combinations(choices: &[(String, Vec<Value>)]) -> Vec<Params> {
    if choices.is_empty() || choices.iter().any(|(_, values)| values.is_empty()) {
        return Vec::new();
    }
    let all = choices.iter().try_fold(1_usize, |product, (_, values)| {
        product
            .checked_mul(values.len())
            .filter(|product| *product <= MOST)
    });
    (0..all.unwrap_or(MOST))
        .map(|number| {
            let mut rest = number;
            let mut pick = |(path, values): &(String, Vec<Value>)| {
                let index = if all.is_some() { rest } else { number } % values.len();
                rest /= values.len();
                (path.clone(), values[index].clone())
            };
            choices.iter().map(&mut pick).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn choice(path: &str, count: u64) -> (String, Vec<Value>) {
        (
            path.to_owned(),
            (0..count).map(|value| json!(value)).collect(),
        )
    }

    #[test]
    fn few_are_all_there_once() {
        let mut found = combinations(&[choice("a", 2), choice("b", 3)]);
        assert_eq!(found.len(), 6);
        found.sort_by_key(|params| json!(params).to_string());
        found.dedup();
        assert_eq!(found.len(), 6);
        assert_eq!(combinations(&[]), Vec::<Params>::new());
    }

    #[test]
    fn of_many_each_value_comes_up() {
        let found = combinations(&[choice("a", 9), choice("b", 9)]);
        assert_eq!(found.len(), MOST);
        for value in 0..9_u64 {
            assert!(found.iter().any(|params| params["b"] == json!(value)));
        }
    }
}
