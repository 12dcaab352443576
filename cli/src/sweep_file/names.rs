//! Names of hyperparameters and sweeps: full paths, unambiguous endings, and what a name may be made of.

use super::source::nearest;

/// The full path that an ending means: `learning_rate` for `train.learning_rate`.
pub fn resolve<'a>(
    name: &str,
    paths: impl Iterator<Item = &'a str> + Clone,
) -> Result<&'a str, String> {
    if let Some(path) = paths.clone().find(|p| *p == name) {
        return Ok(path);
    }
    let ending = format!(".{name}");
    let found: Vec<&str> = paths.clone().filter(|p| p.ends_with(&ending)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let last = |p: &'a str| p.rsplit('.').next().unwrap_or(p);
            let near = nearest(name, paths.clone().chain(paths.clone().map(last)));
            let all: Vec<&str> = paths.collect();
            Err(match (near, all.is_empty()) {
                (Some(near), _) => format!("no hyperparameter {name:?}; did you mean {near:?}?"),
                (None, true) => format!("no hyperparameter {name:?}: this sweep has none"),
                (None, false) => {
                    format!("no hyperparameter {name:?}; there are {}", all.join(", "))
                }
            })
        }
        _ => Err(format!("{name:?} can mean {}", found.join(" or "))),
    }
}

/// What is wrong with a sweep's name.
pub fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name cannot be empty".into());
    }
    if name.len() > 100 {
        return Some(format!(
            "a name has at most 100 characters, this one {}",
            name.len()
        ));
    }
    if name.chars().all(|c| c.is_ascii_digit()) {
        return Some(format!(
            "{name:?}: a name of digits alone would be taken for a trial's number; put a letter into it"
        ));
    }
    let bad = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '-' && *c != '_')?;
    Some(format!(
        "{name:?}: a name is made of letters, digits, `-` and `_`; found {bad:?}"
    ))
}

/// Whether `--exec NAME=COMMAND` takes such a name: a command is none.
pub fn is_trainer(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '=');
    !name.is_empty() && !name.contains(bad)
}

/// Sorts paths with list positions as numbers: `conv.2` before `conv.10`.
pub fn sort_key(path: &str) -> Vec<(Option<u64>, String)> {
    path.split('.')
        .map(|s| (s.parse().ok(), s.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_mean_paths_when_unambiguous() {
        let paths = [
            "train.learning_rate",
            "model.conv.0.filters",
            "model.conv.1.filters",
        ];
        let resolve = |name| resolve(name, paths.into_iter());
        assert_eq!(resolve("learning_rate"), Ok("train.learning_rate"));
        assert_eq!(resolve("1.filters"), Ok("model.conv.1.filters"));
        assert!(
            resolve("filters").is_err_and(|e| e.contains("conv.0.filters or model.conv.1.filters"))
        );
        assert!(resolve("learning_rat").is_err_and(|e| e.contains("did you mean")));
        assert!(
            resolve("earning_rate").is_err(),
            "an ending starts at a dot"
        );
    }

    #[test]
    fn names_have_letters_digits_dash_and_underscore() {
        assert_eq!(name_problem("fashion-2_b"), None);
        assert!(name_problem("a/b").is_some_and(|m| m.contains('/')));
        assert!(name_problem("").is_some());
        assert!(name_problem("2024").is_some_and(|m| m.contains("letter")));
    }

    #[test]
    fn list_positions_sort_as_numbers() {
        assert!(sort_key("model.conv.2.filters") < sort_key("model.conv.10.filters"));
    }
}
