//! Domains: `{ min = …, max = … }`, `{ values = […] }`, `"loguniform(1e-4, 1e-1)"`.

use super::{
    super::{
        domain::{FORMS, Form},
        fork::{inline, string},
        source::nearest,
        tree::{Entry, Kind, Node, Table, number},
    },
    is_among, plain,
};

/// What a word calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Numbers(Form),
    Choice,
    /// True or false.
    Switch,
    /// A bell curve: there is none here.
    Normal,
}

/// What others call it, as [`plain`] has it.
const SORTS: &[(Sort, &str)] = &[
    (
        Sort::Numbers(Form::Log),
        "log loguniform loguniformvalues qloguniform qloguniformvalues invloguniform invloguniformvalues loguniformfloat logfloat logspace reciprocal logarithmic geometric",
    ),
    (
        Sort::Numbers(Form::Uniform),
        "uniform float real double uniformfloat quniform discreteuniform continuous interval linspace numeric range bounds",
    ),
    (
        Sort::Numbers(Form::Int),
        "int integer intuniform uniformint randint qrandint randrange integers",
    ),
    (
        Sort::Numbers(Form::LogInt),
        "logint lograndint qlograndint intloguniform loguniformint loginteger",
    ),
    (
        Sort::Numbers(Form::PowerOfTwo),
        "poweroftwo powersoftwo powerof2 powersof2 pow2",
    ),
    (
        Sort::Choice,
        "choice choices values categorical category categories options candidates gridsearch oneof samplefrom discrete ordinal enum",
    ),
    (Sort::Switch, "bool boolean"),
    (
        Sort::Normal,
        "normal randn qrandn qnormal lognormal qlognormal gaussian gauss truncnormal",
    ),
];

const LOW: &str = "min low lower minvalue minimum lowerbound";
const HIGH: &str = "max high upper maxvalue maximum upperbound";
const ENDS: &str = "bounds range interval";
const VALUES: &str = "value values choices options categories candidates";
/// Behind it stands what sort it is; the first two say nothing else.
const DISTRIBUTION: &str = "distribution dist";
const SORT: &str = "distribution dist type kind parametertype";
const SCALE: &str = "log logscale islog sampling prior scale scaletype";
const STEP: &str = "step q";
/// What may stand beside it all.
const ASIDE: &str = "name default defaultvalue mu sigma probabilities ordered base if grid points";

fn sort(word: &str) -> Option<Sort> {
    let plain = plain(word);
    let before = ["suggest", "tune", "hp"];
    let mut without = before
        .iter()
        .filter_map(|before| plain.strip_prefix(before));
    let word = without.next().unwrap_or(&plain);
    let mut found = SORTS.iter().filter(|(_, theirs)| is_among(word, theirs));
    found.next().map(|(sort, _)| *sort)
}

/// How a table is written here that is a domain in another tool; `None`: it is none there, or right.
pub fn domain(table: &Table) -> Option<String> {
    let read = Read {
        ends: pair_of(table),
        listed: of(table, VALUES).and_then(Node::list),
        sort: of(table, SORT).and_then(text).and_then(sort),
        step: of(table, STEP).and_then(Node::number),
        log: of(table, SCALE).is_some_and(says_log) || of(table, SORT).is_some_and(says_log),
    };
    whole(table, read).or_else(|| by_its_form(table, read))
}

/// Of a table that has nothing but other tools' keys.
fn whole(table: &Table, read: Read<'_>) -> Option<String> {
    let known = [LOW, HIGH, ENDS, VALUES, SORT, SCALE, STEP, ASIDE];
    let is_known = |entry: &Entry| known.iter().any(|names| is(entry, names));
    if !table.0.iter().all(is_known) {
        return None;
    }
    let distribution = of(table, DISTRIBUTION).is_some() && read.sort.is_some();
    if read.ends.is_some() || read.listed.is_some() || distribution {
        return Some(read.right());
    }
    // A table of a single value is that value.
    match &table.0[..] {
        [only] if is(only, "value") && only.node.table().is_none() => {
            let value = brief(&only.node);
            Some(format!("a constant is written as itself: {value}"))
        }
        _ => None,
    }
}

/// Of a table whose key says what it is: `{ loguniform = [1e-4, 1e-1] }`, `{ uniform = [1e-4, 1e-1], log = true }`, `{ unifrom = [0, 1] }`.
fn by_its_form(table: &Table, read: Read<'_>) -> Option<String> {
    let said = |entry: &&Entry| !is(entry, STEP) && !is(entry, ASIDE) && !is_scale(entry);
    let forms: Vec<&Entry> = table.0.iter().filter(said).collect();
    let [form] = forms[..] else {
        return None;
    };
    let is_ours = FORMS.contains(&form.key.as_str());
    if is_ours && !read.log {
        return None;
    }
    let named = sort(&form.key);
    if named == Some(Sort::Switch) {
        return Some(read.with(Sort::Switch, &[]).right());
    }
    let listed = form.node.list()?;
    let sort = match named {
        Some(sort) => sort,
        None => match nearest(&form.key, FORMS)? {
            "choice" => Sort::Choice,
            near if pair(listed).is_some() => Sort::Numbers(Form::of(near)?),
            _ => return None,
        },
    };
    Some(read.with(sort, listed).right())
}

fn is(entry: &Entry, names: &str) -> bool {
    is_among(&plain(&entry.key), names)
}

fn of<'a>(table: &'a Table, names: &str) -> Option<&'a Node> {
    let mut found = table.0.iter().filter(|entry| is(entry, names));
    found.next().map(|entry| &entry.node)
}

/// `log` is a form of ours as well: then a list stands behind it.
fn is_scale(entry: &Entry) -> bool {
    is(entry, SCALE) && entry.node.list().is_none()
}

fn says_log(node: &Node) -> bool {
    match &node.kind {
        Kind::Bool(on) => *on,
        Kind::Str(word) => plain(word).contains("log"),
        _ => false,
    }
}

fn pair_of(table: &Table) -> Option<[f64; 2]> {
    let apart = of(table, LOW).zip(of(table, HIGH));
    let apart = apart.and_then(|(low, high)| Some([low.number()?, high.number()?]));
    apart.or_else(|| of(table, ENDS).and_then(Node::list).and_then(pair))
}

/// A domain in another tool's words.
#[derive(Clone, Copy, Debug)]
struct Read<'a> {
    ends: Option<[f64; 2]>,
    /// Both ends, or all values.
    listed: Option<&'a [Node]>,
    sort: Option<Sort>,
    step: Option<f64>,
    log: bool,
}

impl<'a> Read<'a> {
    /// The same of another sort, whose ends or values are listed.
    fn with(self, sort: Sort, listed: &'a [Node]) -> Self {
        Read {
            ends: None,
            listed: Some(listed),
            sort: Some(sort),
            ..self
        }
    }

    fn right(self) -> String {
        let listed = self.listed.unwrap_or_default();
        let ends = self
            .ends
            .or_else(|| pair(listed).filter(|_| self.sort != Some(Sort::Choice)));
        let sort = match (self.sort, self.ends) {
            (Some(sort), _) => sort,
            (None, None) => Sort::Choice,
            (None, Some(ends)) if ends.iter().all(|x| x.fract() == 0.0) => Sort::Numbers(Form::Int),
            (None, Some(_)) => Sort::Numbers(Form::Uniform),
        };
        let form = match sort {
            Sort::Switch => return "write { choice = [false, true] }".to_owned(),
            Sort::Normal => {
                return "hone draws from no bell curve: write { uniform = [LOW, HIGH] }, or { log = [LOW, HIGH] } for what spans decades".to_owned();
            }
            Sort::Choice => return format!("write {{ choice = {} }}", values(listed)),
            Sort::Numbers(Form::Uniform) if self.log => Form::Log,
            Sort::Numbers(Form::Int) if self.log => Form::LogInt,
            Sort::Numbers(form) => form,
        };
        numbers(form, ends, self.step)
    }
}

/// `write { log = [1e-4, 0.1] }`.
fn numbers(form: Form, ends: Option<[f64; 2]>, step: Option<f64>) -> String {
    let key = form.key();
    let step = step.map_or_else(String::new, |step| format!(", step = {}", number(step)));
    match ends {
        Some([low, _]) if form.log() && low <= 0.0 => {
            format!(
                "write {{ {key} = [LOW, HIGH]{step} }}, with the ends themselves, not their exponents; they are above zero"
            )
        }
        Some([low, high]) => format!(
            "write {{ {key} = [{}, {}]{step} }}",
            number(low),
            number(high)
        ),
        None => format!("write {{ {key} = [LOW, HIGH]{step} }}"),
    }
}

/// How a string is written here that is another tool's call: `loguniform(1e-4, 1e-1)`, `choice(16,32)`.
pub fn call(said: &str) -> Option<String> {
    let (name, rest) = said.trim().split_once('(')?;
    let arguments = rest.strip_suffix(')')?;
    let sort = sort(name.rsplit('.').next().unwrap_or(name))?;
    let items = arguments.trim_matches(|c| c == '[' || c == ']').split(',');
    let items: Vec<&str> = items.map(str::trim).collect();
    let number = |item: &&str| item.parse::<f64>().ok();
    let numbers_at = |at: usize| items.get(at).and_then(number);
    let ends = numbers_at(0)
        .zip(numbers_at(1))
        .map(|(low, high)| [low, high]);
    match sort {
        Sort::Choice => {
            let quoted = |item: &&str| match number(item) {
                Some(_) => (*item).to_owned(),
                None => string(item.trim_matches(['"', '\''])),
            };
            let all: Vec<String> = items.iter().map(quoted).collect();
            Some(format!("write {{ choice = [{}] }}", all.join(", ")))
        }
        // Python's range leaves its end out; Hydra's, too.
        Sort::Numbers(Form::Uniform) if plain(name).ends_with("range") => {
            let [low, high] = ends?;
            Some(numbers(Form::Int, Some([low, high - 1.0]), numbers_at(2)))
        }
        Sort::Numbers(form) => Some(numbers(form, Some(ends?), numbers_at(2))),
        Sort::Switch | Sort::Normal => None,
    }
}

/// How a list is written here that stands where one value is wanted.
pub fn list(items: &[Node]) -> Option<String> {
    let choice = format!("{{ choice = {} }} for one of these values", values(items));
    let [low, high] = match pair(items) {
        Some(ends) => ends,
        None if items.is_empty() => return None,
        None => return Some(format!("write {choice}")),
    };
    if low >= high {
        return Some(format!("write {choice}"));
    }
    let form = match low > 0.0 && high / low >= 10.0 {
        true => Form::Log,
        false => Form::Uniform,
    };
    Some(format!(
        "{} for a range, {choice}",
        numbers(form, Some([low, high]), None)
    ))
}

fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Str(text) => Some(text),
        _ => None,
    }
}

/// Two numbers.
fn pair(items: &[Node]) -> Option<[f64; 2]> {
    match items {
        [low, high] => Some([low.number()?, high.number()?]),
        _ => None,
    }
}

fn values(items: &[Node]) -> String {
    /// Longer ones are in the file already.
    const MOST: usize = 60;
    let all: Vec<String> = items.iter().map(brief).collect();
    let all = all.join(", ");
    if items.is_empty() || all.len() > MOST {
        "[…]".to_owned()
    } else {
        format!("[{all}]")
    }
}

fn brief(node: &Node) -> String {
    match node.number() {
        Some(x) => number(x),
        None => inline(&node.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep_file::tree;

    /// What is said of `x = VALUE`.
    fn said(value: &str) -> Option<String> {
        let root = tree::parse(&format!("x = {value}")).expect("TOML");
        match &root.table()?.get("x")?.kind {
            Kind::Table(table) => domain(table),
            Kind::Str(text) => call(text),
            Kind::List(items) => list(items),
            _ => None,
        }
    }

    #[test]
    fn other_tools_domains_are_told_as_they_are_written_here() {
        for (theirs, right) in [
            ("{ choices = [1, 2] }", "write { choice = [1, 2] }"),
            (
                "{ values = [\"a\", \"b\"] }",
                "write { choice = [\"a\", \"b\"] }",
            ),
            ("{ unifrom = [0, 1] }", "write { uniform = [0, 1] }"),
            ("{ lgo = [1e-4, 1] }", "write { log = [1e-4, 1] }"),
            ("{ min = 0.0, max = 0.5 }", "write { uniform = [0, 0.5] }"),
            ("{ min = 1, max = 5 }", "write { int = [1, 5] }"),
            (
                "{ low = 1e-4, high = 1e-1, log = true }",
                "write { log = [1e-4, 0.1] }",
            ),
            (
                "{ low = 8, high = 256, log = true }",
                "write { log_int = [8, 256] }",
            ),
            (
                "{ min_value = 32, max_value = 512, step = 32 }",
                "write { int = [32, 512], step = 32 }",
            ),
            (
                "{ min_value = 1e-4, max_value = 1e-2, sampling = \"log\" }",
                "write { log = [1e-4, 0.01] }",
            ),
            (
                "{ distribution = \"log_uniform_values\", min = 1e-5, max = 1e-1 }",
                "write { log = [1e-5, 0.1] }",
            ),
            (
                "{ distribution = \"q_uniform\", min = 0, max = 1, q = 0.1 }",
                "write { uniform = [0, 1], step = 0.1 }",
            ),
            (
                "{ distribution = \"int_uniform\", min = 1, max = 9 }",
                "write { int = [1, 9] }",
            ),
            (
                "{ distribution = \"categorical\", values = [3, 5] }",
                "write { choice = [3, 5] }",
            ),
            (
                "{ _type = \"loguniform\", _value = [1e-4, 1e-1] }",
                "write { log = [1e-4, 0.1] }",
            ),
            (
                "{ _type = \"choice\", _value = [16, 32] }",
                "write { choice = [16, 32] }",
            ),
            (
                "{ type = \"range\", bounds = [1e-4, 1e-1], log_scale = true }",
                "write { log = [1e-4, 0.1] }",
            ),
            (
                "{ type = \"float\", low = 0.1, high = 0.9 }",
                "write { uniform = [0.1, 0.9] }",
            ),
            (
                "{ loguniform = [1e-4, 1e-1] }",
                "write { log = [1e-4, 0.1] }",
            ),
            (
                "{ qloguniform = [1e-4, 1e-1], q = 0.01 }",
                "write { log = [1e-4, 0.1], step = 0.01 }",
            ),
            ("{ int_uniform = [1, 5] }", "write { int = [1, 5] }"),
            (
                "{ uniform = [1e-4, 1e-1], log = true }",
                "write { log = [1e-4, 0.1] }",
            ),
            (
                "{ int = [8, 256], log = true }",
                "write { log_int = [8, 256] }",
            ),
            ("{ grid_search = [1, 2] }", "write { choice = [1, 2] }"),
            ("{ boolean = true }", "write { choice = [false, true] }"),
            ("{ value = 3 }", "a constant is written as itself: 3"),
            ("\"loguniform(1e-4, 1e-1)\"", "write { log = [1e-4, 0.1] }"),
            ("\"tune.choice([1, 2])\"", "write { choice = [1, 2] }"),
            (
                "\"choice(adam,'sgd')\"",
                "write { choice = [\"adam\", \"sgd\"] }",
            ),
            ("\"range(1, 8)\"", "write { int = [1, 7] }"),
            ("{ bounds = [0.0, 0.5] }", "write { uniform = [0, 0.5] }"),
            (
                "{ min_value = 32, max_value = 512, sampling = \"log\" }",
                "write { log_int = [32, 512] }",
            ),
            ("\"interval(0, 1)\"", "write { uniform = [0, 1] }"),
        ] {
            assert_eq!(said(theirs).as_deref(), Some(right), "{theirs}");
        }
        let of = |theirs| said(theirs).unwrap_or_else(|| panic!("{theirs}"));
        assert!(of("{ distribution = \"normal\", mu = 0, sigma = 1 }").contains("no bell curve"));
        assert!(
            of("{ distribution = \"log_uniform\", min = -9, max = -2 }")
                .contains("not their exponents")
        );
        assert!(of("{ distribution = \"log_uniform\" }").contains("{ log = [LOW, HIGH] }"));
        assert!(
            of("[1e-4, 1e-1]")
                .starts_with("write { log = [1e-4, 0.1] } for a range, { choice = [1e-4, 0.1] }")
        );
        assert!(of("[16, 32, 64]").starts_with("write { choice = [16, 32, 64] }"));
    }

    #[test]
    fn what_is_no_domain_anywhere_is_left_alone() {
        for value in [
            "{ log = [1e-4, 1e-1] }",
            "{ uniform = [0, 1], step = 0.1 }",
            "{ choice = [1, 2], if = { x = 1 } }",
            "{ int = [1, 5], grid = [1, 2] }",
            "{ type = \"linear\", bias = true }",
            "{ type = \"uniform\" }",
            "{ kernel = 3, stride = 1 }",
            "{ path = \"data\", min = 3 }",
            "{ name = \"adam\", betas = [0.9, 0.999] }",
            "\"relu\"",
            "\"f(x)\"",
            "\"log(x)\"",
            "\"normal(0, 0.01)\"",
            "{}",
        ] {
            assert_eq!(said(value), None, "{value}");
        }
    }
}
