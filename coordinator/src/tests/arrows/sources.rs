//! The sources of this crate, as far as paths go: who names what, and where that stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Where a file stands: `["driver", "load"]`.
pub type Module = Vec<String>;

/// By the file that names and the file that is named.
type Arrows<'a> = BTreeMap<&'a Module, BTreeMap<&'a Module, &'a Name>>;

/// A path in the sources.
pub struct Name {
    /// `driver/mod.rs:17`.
    pub at: String,
    pub module: Module,
    pub path: Vec<String>,
    /// In a `pub use`.
    pub is_shown: bool,
    /// The module that has what it names, behind all re-exports; `None`: it is of another crate.
    pub target: Option<Module>,
}

/// The sources without their tests.
pub struct House {
    files: BTreeMap<Module, Source>,
    pub names: Vec<Name>,
}

struct SourcePath {
    line: usize,
    path: Vec<String>,
    is_shown: bool,
}

struct Source {
    at: String,
    paths: Vec<SourcePath>,
    /// Names of its items.
    items: BTreeSet<String>,
}

impl House {
    pub fn read() -> Self {
        let mut files = BTreeMap::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        read_folder(&folder, &[], &mut files);
        let mut names = Vec::new();
        for (module, source) in &files {
            for SourcePath {
                line,
                path,
                is_shown,
            } in &source.paths
            {
                names.push(Name {
                    at: format!("{}:{line}", source.at),
                    module: module.clone(),
                    path: path.clone(),
                    is_shown: *is_shown,
                    target: absolute(&files, module, path).and_then(|path| owner(&files, &path)),
                });
            }
        }
        Self { files, names }
    }

    /// Files that name each other in a loop: for each loop its arrows, from, to and what is named.
    pub fn circles(&self) -> BTreeSet<Vec<(String, String, String)>> {
        let mut arrows = Arrows::new();
        for name in self.names.iter().filter(|name| !name.is_shown) {
            if let Some(target) = name.target.as_ref().filter(|to| **to != name.module) {
                arrows.entry(&name.module).or_default().insert(target, name);
            }
        }
        let files = self.files.keys();
        let reach: BTreeMap<_, _> = files.map(|from| (from, reached(&arrows, from))).collect();
        let at = |module: &Module| self.files[module].at.clone();
        let mut circles = BTreeSet::new();
        for (from, reached) in &reach {
            let mut circle = Vec::new();
            let members = || reached.iter().filter(|to| reach[**to].contains(from));
            for a in members() {
                for b in members() {
                    if let Some(name) = arrows.get(a).and_then(|arrows| arrows.get(b)) {
                        circle.push((at(a), at(b), name.path.join("::")));
                    }
                }
            }
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles
    }
}

fn reached<'a>(arrows: &Arrows<'a>, from: &'a Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        let targets = arrows.get(next).into_iter().flatten().map(|(to, _)| *to);
        open.extend(targets.filter(|to| reached.insert(*to)));
    }
    reached
}

/// A path from the root of this crate; `None`: it is of another one.
fn absolute(
    files: &BTreeMap<Module, Source>,
    module: &[String],
    path: &[String],
) -> Option<Module> {
    let up = path.iter().take_while(|word| *word == "super").count();
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([&module[..module.len() - up], &path[up..]].concat()),
        child => {
            let is_child = files.contains_key(&[module, &[child.to_owned()]].concat());
            is_child.then(|| [module, path].concat())
        }
    }
}

/// The module that has what is named, behind all re-exports; `None`: nothing here does.
fn owner(files: &BTreeMap<Module, Source>, path: &[String]) -> Option<Module> {
    let mut lengths = (0..=path.len()).rev();
    let length = lengths.find(|n| files.contains_key(&path[..*n]))?;
    let (module, item) = path.split_at(length);
    let Some(item) = item.first().filter(|item| *item != "*") else {
        return Some(module.to_vec());
    };
    if files[module].items.contains(item) {
        return Some(module.to_vec());
    }
    files[module].paths.iter().find_map(|used| {
        let (last, child) = used.path.split_last()?;
        let child = [module, child].concat();
        let source = files.get(&child).filter(|_| child != module)?;
        let is_it = last == item || (last == "*" && source.items.contains(item));
        is_it.then(|| owner(files, &[child, vec![item.clone()]].concat()))?
    })
}

fn read_folder(folder: &Path, module: &[String], files: &mut BTreeMap<Module, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = [module, std::slice::from_ref(&stem)].concat();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            read_folder(&path, &inner, files);
            continue;
        }
        let inner = match stem.as_str() {
            "mod" | "lib" => module.to_vec(),
            _ => inner,
        };
        let at = [module, &[format!("{stem}.rs")]].concat().join("/");
        files.insert(inner, read_source(at, &fs::read_to_string(&path).unwrap()));
    }
}

fn read_source(at: String, text: &str) -> Source {
    let words = without_tests(&words(text));
    let mut paths = Vec::new();
    let mut next = 0;
    while next < words.len() {
        let before = words[..next].iter().rev().map(|(_, word)| word.as_str());
        let is_shown = before.take(2).eq(["use", "pub"]);
        let mut found = Vec::new();
        next = take_path(&words, next, &[], &mut found).max(next + 1);
        paths.extend(found.into_iter().map(|(line, path)| SourcePath {
            line,
            path,
            is_shown,
        }));
    }
    let kinds = ["struct", "enum", "fn", "type", "const", "trait", "static"];
    let pairs = words.windows(2);
    let items = pairs.filter(|pair| kinds.contains(&pair[0].1.as_str()));
    Source {
        at,
        paths,
        items: items.map(|pair| pair[1].1.clone()).collect(),
    }
}

/// Names, `::` and single signs, with their lines: of everything but comments.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let mut rest = text.split("//").next().unwrap().trim_start();
        while let Some(first) = rest.chars().next() {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                _ if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (word, after) = rest.split_at(length);
            words.push((line + 1, word.to_owned()));
            rest = after.trim_start();
        }
    }
    words
}

/// What is not `#[cfg(test)]`, nor says who can see something.
fn without_tests(words: &[(usize, String)]) -> Vec<(usize, String)> {
    let starts = |at: usize, with: &[&str]| {
        let rest = words[at..].iter().map(|(_, word)| word.as_str());
        rest.take(with.len()).eq(with.iter().copied())
    };
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let mut depth = 0;
        let mut is_end = |word: &str| {
            depth += i32::from(word == "{") - i32::from(word == "}");
            depth == 0 && matches!(word, "}" | ";")
        };
        let rest = &words[at..];
        let length = if starts(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest.iter().position(|(_, word)| is_end(word))
        } else if starts(at, &["(", "crate", ")"]) || starts(at, &["(", "super", ")"]) {
            Some(2)
        } else if starts(at, &["(", "in"]) {
            rest.iter().position(|(_, word)| word == ")")
        } else {
            kept.push(words[at].clone());
            Some(0)
        };
        at += length.unwrap_or(rest.len()) + 1;
    }
    kept
}

/// Takes the path that begins at this word, those in its braces one by one, and says where the next word stands.
fn take_path(
    words: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let word = |at: usize| words.get(at).map_or("", |(_, word)| word.as_str());
    let is_name = |word: &str| word == "*" || word.starts_with(|c: char| c.is_alphabetic());
    let mut path = prefix.to_vec();
    while is_name(word(at)) {
        path.push(word(at).to_owned());
        if word(at + 1) != "::" {
            if path.len() > 1 {
                found.push((words[at].0, path));
            }
            return at + if word(at + 1) == "as" { 3 } else { 1 };
        }
        at += 2;
        if word(at) == "{" {
            while word(at) != "}" {
                at = take_path(words, at, &path, found).max(at + 1);
            }
            return at + 1;
        }
    }
    at
}
