//! A GraphQL document, with limits on its size and depth.

use graphql_parser::query::{
    Definition, Document, FragmentDefinition, OperationDefinition, Selection, SelectionSet, Value,
    parse_query,
};

/// The longest document, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// The deepest nesting of braces, brackets and parentheses, so that the parser's recursion ends.
const DEPTH_MAX: usize = 20;
/// The most selections, after fragments are put in.
const SELECTIONS_MAX: usize = 1000;

/// A field of a query with its arguments and fields. Fragments are put in.
pub(super) struct Field {
    /// The name in the answer.
    pub(super) alias: String,
    pub(super) name: String,
    pub(super) arguments: Vec<(String, Value<'static, String>)>,
    pub(super) fields: Vec<Field>,
}

/// Reads a document, and returns the fields of its operation.
pub(super) fn read(text: &str, operation: Option<&str>) -> Result<Vec<Field>, String> {
    check_size(text)?;
    let document: Document<'_, String> = parse_query(text).map_err(|error| error.to_string())?;
    let document = document.into_static();
    let mut operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Operation(operation) => Some(operation),
        Definition::Fragment(_) => None,
    });
    let chosen = match operation {
        Some(name) => operations.find(|each| name_of(each) == Some(name)),
        None => operations.next(),
    };
    let chosen = chosen.ok_or("the document has no such operation: check `operationName`")?;
    let set = match chosen {
        OperationDefinition::SelectionSet(set) => set,
        OperationDefinition::Query(query) => &query.selection_set,
        OperationDefinition::Mutation(_) | OperationDefinition::Subscription(_) => {
            return Err("only queries are supported: use the REST API for changes".to_owned());
        }
    };
    let mut left = SELECTIONS_MAX;
    fields(set, &document, &mut left, 0)
}

fn name_of<'a>(operation: &'a OperationDefinition<'static, String>) -> Option<&'a str> {
    match operation {
        OperationDefinition::Query(query) => query.name.as_deref(),
        OperationDefinition::Mutation(mutation) => mutation.name.as_deref(),
        OperationDefinition::Subscription(subscription) => subscription.name.as_deref(),
        OperationDefinition::SelectionSet(_) => None,
    }
}

fn check_size(text: &str) -> Result<(), String> {
    if text.len() > BYTES_MAX {
        let bytes = text.len();
        return Err(format!("the query has {bytes} bytes, at most {BYTES_MAX} are allowed"));
    }
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(found) = rest.find(['{', '[', '(', '}', ']', ')', '"', '#']) {
        let (_, at) = rest.split_at(found);
        match at.as_bytes().first() {
            Some(b'{' | b'[' | b'(') => depth += 1,
            Some(b'}' | b']' | b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(format!("the query is nested more than {DEPTH_MAX} deep"));
        }
        rest = after_token(at);
    }
    Ok(())
}

/// Skips a bracket, or a string or comment, whose brackets are only text. It ends them exactly as
/// the parser does. So no bracket that the parser sees is skipped.
fn after_token(text: &str) -> &str {
    let (first, rest) = text.split_at(1);
    match first {
        "\"" => match rest.strip_prefix("\"\"") {
            Some(block) => after_block(block),
            None => after_string(rest),
        },
        "#" => rest.find(['\r', '\n']).map_or("", |end| rest.split_at(end).1),
        _ => rest,
    }
}

/// Returns what follows a string. The parser refuses one that a line break or the text ends, so
/// nothing follows it.
fn after_string(text: &str) -> &str {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return text.split_at(index + 1).1,
            b'\n' => return "",
            _ => is_escaped = !is_escaped && byte == b'\\',
        }
    }
    ""
}

/// Returns what follows a string in three quotes.
fn after_block(text: &str) -> &str {
    let mut ends = text.match_indices("\"\"\"");
    let end = ends.find(|(index, _)| !text.split_at(*index).0.ends_with('\\'));
    end.map_or("", |(index, quotes)| text.split_at(index + quotes.len()).1)
}

/// Returns the fields of a selection with its fragments. Types are not checked here, because each
/// place has one type.
fn fields(
    set: &SelectionSet<'static, String>,
    document: &Document<'static, String>,
    left: &mut usize,
    depth: usize,
) -> Result<Vec<Field>, String> {
    if depth > DEPTH_MAX {
        return Err(format!("the query is nested more than {DEPTH_MAX} deep"));
    }
    let mut all = Vec::new();
    for item in &set.items {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| format!("the query has more than {SELECTIONS_MAX} selections"))?;
        match item {
            Selection::Field(field) => all.push(Field {
                alias: field.alias.clone().unwrap_or_else(|| field.name.clone()),
                name: field.name.clone(),
                arguments: field.arguments.clone(),
                fields: fields(&field.selection_set, document, left, depth + 1)?,
            }),
            Selection::InlineFragment(fragment) => {
                all.extend(fields(&fragment.selection_set, document, left, depth + 1)?);
            }
            Selection::FragmentSpread(spread) => {
                let fragment = fragment(document, &spread.fragment_name)?;
                all.extend(fields(&fragment.selection_set, document, left, depth + 1)?);
            }
        }
    }
    Ok(all)
}

fn fragment<'a>(
    document: &'a Document<'static, String>,
    name: &str,
) -> Result<&'a FragmentDefinition<'static, String>, String> {
    let mut fragments = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Fragment(fragment) => Some(fragment),
        Definition::Operation(_) => None,
    });
    let found = fragments.find(|fragment| fragment.name == name);
    found.ok_or_else(|| format!("Unknown fragment \"{name}\"."))
}

#[cfg(test)]
mod tests {
    use super::{check_size, read};

    #[test]
    fn fragments_are_put_in() {
        let text = "query A($d: I!) { run: get(input: $d) { ...F ... on R { b } } } \
                    fragment F on R { a { c } }";
        let fields = read(text, Some("A")).expect("it is valid");
        assert_eq!(fields[0].alias, "run");
        assert_eq!(fields[0].name, "get");
        let names: Vec<&str> = fields[0].fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(read(text, Some("B")).is_err());
    }

    #[test]
    fn brackets_in_strings_and_comments_are_text() {
        let many = "{[(".repeat(50);
        for text in [
            format!("{{ a(b: \"{many}\") {{ c }} }}"),
            format!("{{ a(b: \"\\\"{many}\\\\\") {{ c }} }}"),
            format!("{{ a(b: \"\"\"\" \\\"\"\" {many}\n\"\"\") {{ c }} }}"),
            format!("{{ # {many} \"\n a {{ c }} }}"),
        ] {
            let fields = read(&text, None);
            assert_eq!(fields.map(|fields| fields[0].fields.len()), Ok(1), "{text}");
        }
    }

    #[test]
    fn hostile_documents_are_refused() {
        let endless = "{ ...A } fragment A on R { ...A }";
        let doubled = "{ ...A } fragment A on R { ...B ...B } fragment B on R { ...A ...A }";
        let deep = "{a".repeat(5000);
        let long = format!("{{ {} }}", "a ".repeat(2000));
        // A string or comment that has ended hides no braces behind it.
        let hidden = ["\"\"", "\"\\\\\"", "\"\"\"\\\"\"\" \"\"\"", "# \"\n", "# \r"];
        for before in hidden {
            assert!(check_size(&format!("{{ a(b: {before}) {deep}")).is_err(), "{before}");
        }
        for text in [endless, doubled, &deep, &long, "mutation { a }", "{", ""] {
            assert!(read(text, None).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }
}
