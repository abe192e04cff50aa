//! No file imports another one that imports it, through however many files.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, words};

/// Which files each file imports. Files are named by their module paths.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns the circles of files below `folder`, each as the sorted names of its files.
pub(crate) fn circles(sources: &[Source], folder: &str) -> Vec<Vec<String>> {
    let own: Vec<&Source> =
        sources.iter().filter(|source| source.path.starts_with(folder)).collect();
    let modules: BTreeSet<String> = own.iter().map(|it| module_of(&it.path, folder)).collect();
    let mut exports = BTreeMap::new();
    for source in &own {
        let module = module_of(&source.path, folder);
        for path in uses(source.shipped()).into_iter().filter(|path| path.is_export) {
            let (target, rest) = resolve(&module, &path.text, &modules);
            if let Some(name) = rest.last() {
                exports.insert((module.clone(), name.clone()), target);
            }
        }
    }
    let mut graph = Graph::new();
    for source in own.iter().filter(|source| !source.path.ends_with("/lib.rs")) {
        let module = module_of(&source.path, folder);
        let imports = uses(source.shipped()).into_iter().filter(|path| !path.is_export);
        for path in imports {
            let (mut target, rest) = resolve(&module, &path.text, &modules);
            // A name that a parent only passes on is an import of the file that defines it.
            while let Some(origin) =
                rest.first().and_then(|name| exports.get(&(target.clone(), name.clone())))
            {
                if *origin == target {
                    break;
                }
                target.clone_from(origin);
            }
            if target != module && modules.contains(&target) && !target.is_empty() {
                graph.entry(module.clone()).or_default().insert(target);
            }
        }
    }
    strongly_connected(&graph)
}

/// The module path of a file, such as `log/chain`; a folder's `mod.rs` is the folder.
fn module_of(path: &str, folder: &str) -> String {
    let inside = path.trim_start_matches(folder).trim_start_matches('/');
    let name = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    if name == "lib" { String::new() } else { name.to_owned() }
}

/// A path that a file names.
struct Named {
    text: String,
    /// Whether a `pub use` only passes it on.
    is_export: bool,
}

/// The paths of a file that begin with `crate`, `self` or `super`, with groups opened.
fn uses(code: &str) -> Vec<Named> {
    let mut found = Vec::new();
    for root in ["crate", "self", "super"] {
        for at in words(code, root) {
            let is_inside = code[..at].ends_with("super::") || code[..at].ends_with("pub(");
            if is_inside || !code[at + root.len()..].starts_with("::") {
                continue;
            }
            let line_start = code[..at].rfind([';', '}', '\n']).map_or(0, |end| end + 1);
            let is_use = code[line_start..at].contains("use ");
            let is_export = code[line_start..at].trim_start().starts_with("pub") && is_use;
            let end = if is_use { code[at..].find(';') } else { None };
            let text = match end {
                Some(end) => code[at..at + end].to_owned(),
                None => path_of(&code[at..]),
            };
            let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            found.extend(opened(&text).into_iter().map(|text| Named { text, is_export }));
        }
    }
    found
}

fn path_of(code: &str) -> String {
    code.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

/// The paths that `a::{b, c::{d}}` stands for.
fn opened(text: &str) -> Vec<String> {
    let Some((prefix, group)) = text.split_once('{') else { return vec![text.to_owned()] };
    let group = group.strip_suffix('}').unwrap_or(group);
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for character in group.chars() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        match (character, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (_, Some(part)) => part.push(character),
            (_, None) => {}
        }
    }
    parts.iter().flat_map(|part| opened(&format!("{prefix}{part}"))).collect()
}

/// The deepest module that a path leads to, and the names that are left of the path.
fn resolve(module: &str, path: &str, modules: &BTreeSet<String>) -> (String, Vec<String>) {
    let mut parts = path.split("::").peekable();
    let mut place: Vec<&str> = module.split('/').filter(|part| !part.is_empty()).collect();
    match parts.next() {
        Some("crate") => place.clear(),
        Some("super") => drop(place.pop()),
        _ => {}
    }
    while parts.next_if_eq(&"super").is_some() {
        place.pop();
    }
    while let Some(next) = parts.peek() {
        let deeper = [place.as_slice(), &[*next]].concat();
        if !modules.contains(&deeper.join("/")) {
            break;
        }
        place = deeper;
        parts.next();
    }
    (place.join("/"), parts.map(str::to_owned).collect())
}

/// The groups of files that reach each other.
fn strongly_connected(graph: &Graph) -> Vec<Vec<String>> {
    let reachable = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(file) = open.pop() {
            for next in graph.get(&file).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|file| (file, reachable(file))).collect();
    let mut found = BTreeSet::new();
    for (file, all) in &reached {
        let is_back = |other: &&String| reached.get(other).is_some_and(|it| it.contains(*file));
        let group: Vec<String> = all.iter().filter(is_back).cloned().collect();
        if group.len() > 1 {
            found.insert(group);
        }
    }
    found.into_iter().collect()
}
