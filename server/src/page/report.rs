//! Reports: the page and the answers for one view in one file, which opens without a server.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};
use tracklite::{Database, Error, ErrorKind, KeyKind, RunId, Timestamp};

use super::frame::Frame;
use super::view_state::ViewState;
use super::{curves, keys, names, query, site};
use crate::failure::{Failure, Outcome};

/// The most runs or groups of a report.
const RUNS_MAX: usize = 1000;
/// The most runs or groups whose curves are in a report.
const DRAWN_MAX: usize = 100;
/// The most metrics and params of a report.
const KEYS_MAX: usize = 250;
/// The width of the curves, in pixels.
const PIXELS: usize = 600;

/// Returns a report of a view: one HTML file that opens from disk and loads nothing.
///
/// `state` is that of a [`SavedView`](tracklite::view::SavedView), a JSON object. With `{}` the
/// report has all runs.
///
/// It has the table of the view with up to 1,000 runs, and the curves of up to 100 of them.
///
/// # Errors
///
/// - [`ErrorKind::InvalidInput`] if the filter or order of the view is not valid.
pub fn report(database: &Database, name: &str, state: &str) -> tracklite::Result<String> {
    let state: Map<String, Value> = serde_json::from_str(state).map_err(|error| {
        let message = format!("the state of the view {name:?} is not a JSON object: {error}");
        Error::new(ErrorKind::InvalidInput, message)
    })?;
    let data = data(database, name, &state);
    let data = data.map_err(|failure| Error::new(ErrorKind::InvalidInput, failure.message))?;
    Ok(page(&data))
}

/// Returns all answers that the page needs.
fn data(database: &Database, name: &str, record: &Map<String, Value>) -> Outcome<Value> {
    let state = ViewState::new(record);
    let found = query::select(database, &state.query(), columns(database, &state)?)?;
    let (runs, groups) = (found.runs.len(), found.groups.as_ref());
    let table = query::window(database, &found, None, 0..RUNS_MAX)?;
    let children = groups.map_or(0, |groups| groups.groups.len().min(DRAWN_MAX));
    let children = (0..children).map(|group| {
        let group = groups.and_then(|groups| groups.groups.get(group));
        encoded(query::window(database, &found, group, 0..RUNS_MAX)?)
    });
    let known = database.run_keys(&found.search)?;
    let goals = database.metric_goals()?;
    let shown: Vec<Value> =
        known.iter().take(2 * KEYS_MAX).map(|known| json!(keys::key(known, &goals))).collect();
    let metrics = known.iter().filter(|key| key.kind == KeyKind::Metric).take(KEYS_MAX);
    let mut drawn = Map::new();
    for metric in metrics {
        let args = state.curves(PIXELS);
        let frame = match groups {
            Some(groups) => {
                let of = groups.groups.iter().take(DRAWN_MAX);
                let of: Vec<Vec<RunId>> = of.map(|group| group.runs.clone()).collect();
                curves::of_groups(database, &args, &of, &metric.key)?
            }
            None => {
                let some = found.runs.iter().take(DRAWN_MAX).copied().collect::<Vec<RunId>>();
                curves::of_runs(database, &args, &some, &metric.key)?
            }
        };
        drawn.insert(metric.key.clone(), encoded(frame)?);
    }
    let experiments = database.experiments()?.into_iter();
    let experiments = experiments.map(|info| json!({"id": info.id.to_string(), "path": info.path}));
    Ok(json!({
        "view": name, "query": address(record),
        "made": Timestamp::now().as_millis(), "runs": runs, "shown": runs.min(RUNS_MAX),
        "drawn": DRAWN_MAX, "file": file(database)?, "keys": shown,
        "table": encoded(table)?, "children": children.collect::<Outcome<Vec<Value>>>()?,
        "curves": drawn, "experiments": experiments.collect::<Vec<Value>>(),
    }))
}

/// Returns the columns of the view. Without a choice, all metrics and params, of which the page
/// chooses.
fn columns(database: &Database, state: &ViewState<'_>) -> Outcome<Vec<String>> {
    let chosen = state.list("c");
    if !chosen.is_empty() {
        let is_asked =
            |name: &String| !name.starts_with("curve.") && names::column(name).contains('.');
        return Ok(chosen.into_iter().filter(is_asked).collect());
    }
    let found = query::select(database, &state.query(), Vec::new())?;
    let keys = database.run_keys(&found.search)?.into_iter();
    let named = keys.filter_map(|key| match key.kind {
        KeyKind::Param => Some(format!("params.{}", key.key)),
        KeyKind::Metric => Some(format!("metrics.{}", key.key)),
        KeyKind::Tag => None,
    });
    Ok(named.take(KEYS_MAX).collect())
}

fn file(database: &Database) -> Outcome<Value> {
    let info = database.info()?;
    let name = database.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(json!({
        "name": name, "read_only": true, "version": env!("CARGO_PKG_VERSION"),
        "experiments": info.experiments, "runs": info.runs, "points": info.points,
        "bytes": info.file_bytes, "position": "", "now": Timestamp::now().as_millis(),
        "user": null, "writable": false, "warnings": [],
    }))
}

/// Returns the state as the query of an address.
fn address(state: &Map<String, Value>) -> String {
    let escaped = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs = state
        .iter()
        .filter_map(|(key, value)| Some(format!("{}={}", escaped(key), escaped(value.as_str()?))));
    pairs.collect::<Vec<String>>().join("&")
}

/// Returns a frame as text: compressed, in base64.
fn encoded(frame: Frame) -> Outcome<Value> {
    let bytes = frame.into_bytes()?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| Failure::internal(format!("cannot compress: {error}")))?;
    Ok(STANDARD.encode(packed).into())
}

/// Puts the page, its style, its script and the answers into one text.
///
/// The policy lets the page load nothing, so that nobody learns who reads a report.
fn page(data: &Value) -> String {
    // Neither may end its element.
    let data = data.to_string().replace('<', "\\u003c");
    let script = site::SCRIPT.replace("</script", "<\\/script");
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                  img-src data: blob:";
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <style>{}</style>\n</head>",
        site::STYLE
    );
    let body = format!(
        "<div hidden>{}</div>\n\
         <script type=\"application/json\" id=\"report\">{data}</script>\n\
         <script type=\"module\">{script}</script>\n</body>",
        site::ICONS
    );
    let index = site::PAGE.lines().filter(|line| !line.contains("/assets/"));
    let index: String = index.map(|line| format!("{line}\n")).collect();
    index.replacen("</head>", &head, 1).replacen("</body>", &body, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_everything_and_ends_no_element_early() {
        let page = page(&json!({"name": "</script><script>alert(1)</script>"}));
        assert!(!page.contains("/assets/") && !page.contains("alert(1)</script>"), "{page}");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.contains("default-src 'none'") && page.contains("<symbol"));
    }
}
