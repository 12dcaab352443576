//! One walk over the tree beside the JSON Schema of the types: unknown keys, wrong types, and the domains.

use serde_json::{Map, Value};

use super::{
    dialects,
    domain::{self, Domain, FORMS, Values},
    search::parse_budget,
    source::{Problem, nearest},
    tree::{Entry, Kind, Node, Table},
};

/// What the walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// The search space, in order of the text.
    pub domains: Vec<Domain>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Full paths of keys that stand there under another name: they are not missing as well.
    pub meant: Vec<String>,
}

/// Walks `node` beside `schema`; `root` holds the `$defs` that it refers to.
pub struct Walk<'a> {
    root: &'a Value,
    /// All tables of the schema, for keys that stand in the wrong one.
    tables: Vec<(String, &'a Map<String, Value>)>,
    found: Found,
}

impl<'a> Walk<'a> {
    /// A walk over values described by `root` and its `$defs`.
    pub fn new(root: &'a Value) -> Self {
        Walk {
            root,
            tables: tables(root),
            found: Found::default(),
        }
    }

    /// What was found.
    pub fn finish(self) -> Found {
        self.found
    }

    /// Checks the value at `path`; `domains`: whether domains may stand at and below it.
    pub fn value(&mut self, path: &str, node: &Node, schema: &'a Value, domains: bool) {
        let options = options(self.root, schema);
        if let Kind::Table(table) = &node.kind {
            let section = matches!(path, "model" | "train" | "params");
            if domains && !section && !is_key(&options, table) {
                if let Some(right) = dialects::domain(table) {
                    let expected = expected(&options);
                    return self.foreign_domain(path, node, &expected, right);
                }
                if domain::is_domain(table) {
                    return self.domain(path, node, table, schema, &options);
                }
            }
            if let Some(object) = options.iter().find(|s| is_type(s, "object")) {
                return self.table(path, node, table, object, domains);
            }
        }
        if let Kind::List(items) = &node.kind
            && let Some(list) = options.iter().find(|s| is_type(s, "array"))
        {
            return self.list(path, node, items, list, domains);
        }
        if !options.iter().any(|s| accepts(s, node)) {
            let mut problem = mismatch(path, node, &options, domains);
            problem.help = problem.help.or_else(|| description(schema));
            self.found.problems.push(problem);
        }
    }

    /// A table that another tool would take for a domain. As a constant it would be searched by nobody.
    fn foreign_domain(&mut self, path: &str, node: &Node, expected: &str, right: String) {
        let problem = if in_params(path) {
            let message = "a table that reads like a domain, and is none here";
            Problem::at(&node.span, path, message).help(format!("{right}{A_CONSTANT}"))
        } else {
            let message = format!("expected {expected} or a domain, found a table");
            Problem::at(&node.span, path, message).help(right)
        };
        self.found.problems.push(problem);
    }

    fn table(&mut self, path: &str, node: &Node, table: &Table, schema: &'a Value, domains: bool) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            // A free table (`[params]`): anything goes, domains too.
            for entry in &table.0 {
                let at = join(path, &entry.key);
                if domains {
                    self.param(&at, entry);
                }
                self.value(&at, &entry.node, &Value::Bool(true), domains);
            }
            return;
        };
        for entry in &table.0 {
            let at = join(path, &entry.key);
            match properties.get(&entry.key) {
                Some(schema) => self.value(&at, &entry.node, schema, domains || domain_zone(&at)),
                None => {
                    let mut problem = Problem::at(&entry.key_span, at, "unknown key");
                    // Nobody is shown more of them.
                    if self.found.problems.len() < HELPED {
                        problem.help = Some(self.right_key(path, &entry.key, properties));
                    }
                    self.found.problems.push(problem);
                }
            }
        }
        for key in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let key = key.as_str().unwrap_or_default();
            if table.get(key).is_none() && !self.found.meant.contains(&join(path, key)) {
                let place = if path.is_empty() {
                    None
                } else {
                    Some(node.span.clone())
                };
                self.found.problems.push(Problem {
                    span: place,
                    key: join(path, key),
                    message: "this key is required".into(),
                    help: properties.get(key).and_then(description),
                });
            }
        }
    }

    /// What would be right in place of a key that there is not: as other tools call it, or it stands in the wrong table, or it is mistyped.
    fn right_key(&mut self, path: &str, key: &str, properties: &Map<String, Value>) -> String {
        let keys = properties.keys().map(String::as_str);
        let same = dialects::same(key, keys.clone());
        if let Some(near) = same.or_else(|| nearest(key, keys.clone()).filter(|_| key.len() > 3)) {
            self.found.meant.push(join(path, near));
            return format!("did you mean `{near}`?");
        }
        if let Some(meant) = dialects::key(path, key) {
            self.found.meant.push(meant.path.to_owned());
            let said = meant.said(path);
            let (above, name) = meant.path.rsplit_once('.').unwrap_or(("", meant.path));
            let keys = self.tables.iter().find(|(table, _)| table == above);
            // A search is planned otherwise than elsewhere; the rest are the words of the field.
            let about = keys.and_then(|(_, keys)| description(keys.get(name)?));
            return match about.filter(|_| above == "search") {
                Some(about) => format!("{said}: {about}"),
                None => said,
            };
        }
        let mut elsewhere = self
            .tables
            .iter()
            .filter(|(_, keys)| keys.contains_key(key));
        if let Some((table, _)) = elsewhere.next() {
            self.found.meant.push(join(table, key));
            return match table.as_str() {
                "" => "this key stands above all tables".to_owned(),
                "search.round.*" => "this key stands in [[search.round]]".to_owned(),
                table => format!("this key stands in [{table}]"),
            };
        }
        match nearest(key, keys.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("keys here: {}", keys.collect::<Vec<_>>().join(", ")),
        }
    }

    /// A value of `[params]` is the program's affair, unless it reads like what hone searches.
    fn param(&mut self, path: &str, entry: &Entry) {
        let key = &entry.key;
        let (message, right) = match &entry.node.kind {
            Kind::Str(text) if dialects::call(text).is_some() => (
                "a string that reads like a domain, and is none here",
                dialects::call(text),
            ),
            Kind::Str(text) if key == "budget" && parse_budget(text).is_ok() => (
                "the budget stands in [search]",
                Some("write it there".to_owned()),
            ),
            Kind::List(items) if dialects::takes_one_number(key) => (
                "a list, which the program would get whole",
                dialects::list(items),
            ),
            _ => return,
        };
        if let Some(right) = right {
            let problem = Problem::at(&entry.node.span, path, message);
            let help = format!("{right}{A_CONSTANT}");
            self.found.problems.push(problem.help(help));
        }
    }

    fn list(&mut self, path: &str, node: &Node, items: &[Node], schema: &'a Value, domains: bool) {
        if let Some(parts) = schema.get("prefixItems").and_then(Value::as_array) {
            if parts.len() != items.len() {
                let message = format!("expected {} values, found {}", parts.len(), items.len());
                self.found
                    .problems
                    .push(Problem::at(&node.span, path, message));
            }
            for (i, (item, part)) in items.iter().zip(parts).enumerate() {
                self.value(&join(path, &i.to_string()), item, part, domains);
            }
            return;
        }
        for bound in ["minItems", "maxItems"] {
            let Some(n) = schema.get(bound).and_then(Value::as_u64) else {
                continue;
            };
            let len = items.len() as u64;
            if (bound == "minItems" && len < n) || (bound == "maxItems" && len > n) {
                let message = format!("expected {n} values, found {len}");
                self.found
                    .problems
                    .push(Problem::at(&node.span, path, message));
            }
        }
        let item_schema = schema.get("items").unwrap_or(&Value::Bool(true));
        for (i, item) in items.iter().enumerate() {
            self.value(&join(path, &i.to_string()), item, item_schema, domains);
        }
    }

    fn domain(
        &mut self,
        path: &str,
        node: &Node,
        table: &Table,
        schema: &'a Value,
        options: &[&'a Value],
    ) {
        let domain = match domain::parse(path, node, table) {
            Ok(domain) => domain,
            Err(problems) => return self.found.problems.extend(problems),
        };
        match &domain.values {
            Values::Choice(values) => {
                for value in values {
                    self.value(path, value, schema, false);
                }
            }
            Values::Range {
                form,
                ends,
                low,
                high,
                ..
            } => {
                let numbers = options.iter().any(|s| is_type(s, "number"));
                let whole = options.iter().any(|s| is_type(s, "integer"));
                if !numbers && !whole {
                    let expected = expected(options);
                    let message =
                        format!("{} gives numbers; this key takes {expected}", form.key());
                    let problem = Problem::at(&domain.span, path, message);
                    self.found
                        .problems
                        .push(problem.help("use { choice = […] }"));
                } else if !numbers && !form.whole() {
                    let message = format!(
                        "{} gives numbers with a fraction; this key takes whole numbers",
                        form.key()
                    );
                    let problem = Problem::at(&domain.span, path, message);
                    self.found
                        .problems
                        .push(problem.help("use `int`, `log_int` or `power_of_two`"));
                } else {
                    for (x, span) in [low, high].into_iter().zip(ends) {
                        let end = Node {
                            span: span.clone(),
                            kind: Kind::Float(*x),
                        };
                        if let Some(message) = out_of_bounds(options, &end) {
                            self.found.problems.push(Problem::at(span, path, message));
                        }
                    }
                }
            }
        }
        self.found.domains.push(domain);
    }
}

/// Path of a key below another.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.into()
    } else {
        format!("{path}.{key}")
    }
}

/// So many problems are told with what would be right; it is looked for in long lists.
const HELPED: usize = 100;

/// How a constant is written that would be taken for something else.
const A_CONSTANT: &str =
    "; if it is a constant all the same: a choice of one value, { choice = [ … ] }";

fn in_params(path: &str) -> bool {
    path.starts_with("params.")
}

/// Every table that a schema describes, with its path (`*`: a position in a list) and its keys.
pub fn tables(root: &Value) -> Vec<(String, &Map<String, Value>)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((path, schema)) = open.pop() {
        for schema in options(root, schema) {
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                open.extend(
                    properties
                        .iter()
                        .map(|(key, inner)| (join(&path, key), inner)),
                );
                found.push((path.clone(), properties));
            }
            if let Some(items) = schema.get("items") {
                open.push((join(&path, "*"), items));
            }
        }
    }
    found.sort_by_key(|(path, _)| path.matches('.').count());
    found
}

/// The tables and keys at and below which domains may stand.
fn domain_zone(path: &str) -> bool {
    matches!(path, "model" | "train" | "params") || data_domain(path)
}

/// The places in `[data]` that may be domains; in `[model]`, `[train]` and `[params]` every one may.
pub fn data_domain(path: &str) -> bool {
    matches!(path, "data.preprocess" | "data.components" | "data.limit")
        || path.starts_with("data.augment.")
}

/// A table whose own keys happen to be named like a form of domain (none today) is no domain.
fn is_key(options: &[&Value], table: &Table) -> bool {
    options
        .iter()
        .filter_map(|s| s.get("properties"))
        .any(|properties| table.0.iter().all(|e| properties.get(&e.key).is_some()))
}

/// What a schema allows, references and alternatives resolved, without `null`.
fn options<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut found = Vec::new();
    collect(root, schema, &mut found);
    found
}

fn collect<'a>(root: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        if let Some(inner) = target
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer))
        {
            collect(root, inner, found);
        }
        return;
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
            for alternative in alternatives {
                collect(root, alternative, found);
            }
            return;
        }
    }
    if schema.get("type").and_then(Value::as_str) != Some("null") {
        found.push(schema);
    }
}

fn is_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(t)) => t == name,
        Some(Value::Array(types)) => types.iter().any(|t| t == name),
        Some(_) => false,
        // `true`, or a bare enum: scalars only, checked elsewhere.
        None => schema.get("enum").is_none() && schema.get("const").is_none(),
    }
}

fn accepts(schema: &Value, node: &Node) -> bool {
    if let Some(value) = schema.get("const") {
        return *value == node.to_json();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.contains(&node.to_json());
    }
    let right_type = match node.kind {
        Kind::Bool(_) => is_type(schema, "boolean"),
        Kind::Str(_) => is_type(schema, "string"),
        Kind::Int(_) => is_type(schema, "integer") || is_type(schema, "number"),
        Kind::Float(x) => x.is_finite() && is_type(schema, "number"),
        Kind::Time(_) => false,
        Kind::List(_) => is_type(schema, "array"),
        Kind::Table(_) => is_type(schema, "object"),
    };
    right_type && out_of_bounds(&[schema], node).is_none()
}

fn out_of_bounds(options: &[&Value], node: &Node) -> Option<String> {
    let x = node.number()?;
    let bound = |key: &str| {
        options
            .iter()
            .find_map(|s| s.get(key))
            .and_then(Value::as_f64)
    };
    let shown = node.describe();
    match (
        bound("minimum"),
        bound("maximum"),
        bound("exclusiveMinimum"),
        bound("exclusiveMaximum"),
    ) {
        (Some(low), ..) if x < low => Some(format!("{shown} is too small: at least {low}")),
        (_, Some(high), ..) if x > high => Some(format!("{shown} is too large: at most {high}")),
        (_, _, Some(low), _) if x <= low => Some(format!("{shown} is too small: above {low}")),
        (.., Some(high)) if x >= high => Some(format!("{shown} is too large: below {high}")),
        _ => None,
    }
}

fn mismatch(path: &str, node: &Node, options: &[&Value], domains: bool) -> Problem {
    if let Kind::Table(table) = &node.kind {
        if domains {
            let near = table.0.iter().find_map(|e| nearest(&e.key, FORMS));
            let help = near.map_or(format!("domains: {}", FORMS.join(", ")), |n| {
                format!("did you mean `{n}`?")
            });
            let message = format!("expected {} or a domain, found a table", expected(options));
            return Problem::at(&node.span, path, message).help(help);
        }
        if domain::is_domain(table) {
            let message = format!(
                "no domain may stand here: this key takes {}",
                expected(options)
            );
            return Problem::at(&node.span, path, message)
                .help("domains stand in [model], [train], [params], and in [data] at preprocess, components, limit and augment");
        }
    }
    if options
        .iter()
        .any(|s| is_type(s, "number") || is_type(s, "integer"))
        && let Some(message) = out_of_bounds(options, node)
    {
        return Problem::at(&node.span, path, message);
    }
    let message = format!("expected {}, found {}", expected(options), node.describe());
    let problem = Problem::at(&node.span, path, message);
    let words = words(options);
    let numbers = options
        .iter()
        .any(|s| is_type(s, "number") || is_type(s, "integer"));
    let help = match &node.kind {
        Kind::Str(s) if numbers && s.parse::<f64>().is_ok() => Some(format!("without quotes: {s}")),
        Kind::Float(x) if numbers && x.fract() == 0.0 && x.abs() < 1e15 => {
            Some(format!("without a point: {x}"))
        }
        Kind::Int(n) if path.starts_with("model.conv.") && !numbers => {
            Some(format!("a block is a table: {{ filters = {n} }}"))
        }
        Kind::Int(_) | Kind::Float(_) | Kind::Str(_)
            if options.iter().any(|s| is_type(s, "array")) && words.is_empty() =>
        {
            Some(format!("in brackets: [{}]", node.describe()))
        }
        Kind::Str(s) => dialects::word(path, s)
            .map(str::to_owned)
            .or_else(|| dialects::call(s).filter(|_| domains))
            .or_else(|| {
                let near = nearest(s, words.iter().map(String::as_str))?;
                Some(format!("did you mean {near:?}?"))
            }),
        Kind::List(items) if domains => dialects::list(items),
        _ => None,
    };
    Problem { help, ..problem }
}

/// The strings that an enumeration takes.
fn words(options: &[&Value]) -> Vec<String> {
    let mut words = Vec::new();
    for schema in options {
        let listed = schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let values = listed.chain(schema.get("const"));
        words.extend(values.filter_map(Value::as_str).map(String::from));
    }
    words
}

/// In words: `a number`, `one of "sgd", "adam"`.
fn expected(options: &[&Value]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (name, shown) in [
        ("boolean", "true or false"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("array", "a list"),
        ("object", "a table"),
    ] {
        let one =
            |s: &&Value| is_type(s, name) && s.get("enum").is_none() && s.get("const").is_none();
        if options.iter().any(one) {
            parts.push(shown.into());
        }
    }
    if parts.iter().any(|p| p == "a number") {
        parts.retain(|p| p != "a whole number");
    }
    let text =
        |s: &&Value| is_type(s, "string") && s.get("enum").is_none() && s.get("const").is_none();
    if options.iter().any(text) {
        parts.push("a string".into());
    }
    let words: Vec<String> = words(options).iter().map(|w| format!("{w:?}")).collect();
    match words.len() {
        0 => {}
        1 => parts.push(words[0].clone()),
        _ => parts.push(format!("one of {}", words.join(", "))),
    }
    parts.join(" or ")
}

fn description(schema: &Value) -> Option<String> {
    schema
        .get("description")
        .and_then(Value::as_str)
        .map(|s| s.replace('\n', " "))
}
