//! Help while somebody writes a filter: what may follow, and what is wrong.

use std::fmt::Write as _;

use serde::Serialize;
use tracklite::{FilterPart, FilterPlace, KeyKind, KeySummary, RunSearch, RunStatus};
use utoipa::ToSchema;

use super::keys;
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/complete",
    needs: Scope::Read,
    takes: &[text("text"), whole("at"), text("handle")],
    returns: shape::<Completion>(),
    handler: complete,
}];

/// The most suggestions.
const ITEMS_MAX: usize = 50;
const NUMBER_OPERATORS: &[&str] = &["<", "<=", ">", ">=", "=", "!="];
const TEXT_OPERATORS: &[&str] =
    &["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"];
/// The prefixes of fields that are numbers.
const NUMBER_PREFIXES: &[&str] = &[
    "metrics.",
    "metric.",
    "min.",
    "max.",
    "mean.",
    "best.",
    "smooth_best.",
    "count.",
    "nan_count.",
];
const NUMBER_FIELDS: &[&str] = &["start_time", "end_time", "duration"];

/// Suggestions for a place of a filter, and the first error in it.
#[derive(Serialize, ToSchema)]
#[schema(as = PageCompletion)]
struct Completion {
    /// The character at which the text of a suggestion begins.
    from: usize,
    items: Vec<Item>,
    error: Option<Problem>,
}

/// A suggestion.
#[derive(Serialize, ToSchema)]
#[schema(as = PageCompletionItem)]
struct Item {
    text: String,
    kind: &'static str,
    detail: String,
}

/// An error in a filter.
#[derive(Serialize, ToSchema)]
#[schema(as = PageFilterError)]
struct Problem {
    /// The text of the command line.
    message: String,
    /// The place in characters.
    at: usize,
    length: usize,
    hint: Option<String>,
}

fn complete(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let text = args.text_or_empty("text");
    // The page counts as JavaScript does, in units of UTF-16.
    let at = match args.whole("at") {
        None => text.len(),
        Some(at) => byte_of(
            text,
            usize::try_from(at).map_err(|_| {
                Failure::invalid(format!("at is {at}: expected a place in the text, from 0"))
            })?,
        ),
    };
    let place = FilterPlace::of(text, at);
    let items = match &place.part {
        FilterPart::Field => fields(&keys::all(call, args.text("handle"))?, &place.typed),
        FilterPart::Operator { field } => operators(field, &place.typed),
        FilterPart::Value { field } => values(field, &place.typed),
        FilterPart::And => words(&["AND"], "keyword", &place.typed),
        _ => Vec::new(),
    };
    let error = RunSearch::new().filter(text).check().err().map(|error| problem(text, &error));
    Ok(Reply::json(&Completion { from: units(text, place.from), items, error }))
}

/// Returns the number of units of UTF-16 before a byte.
fn units(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).encode_utf16().count()
}

/// Returns the byte at a number of units of UTF-16.
fn byte_of(text: &str, units: usize) -> usize {
    let mut passed = 0;
    let found = text.char_indices().find(|(_, character)| {
        let is_here = passed >= units;
        passed += character.len_utf16();
        is_here
    });
    found.map_or(text.len(), |(byte, _)| byte)
}

fn problem(text: &str, error: &tracklite::Error) -> Problem {
    let place = error.place().unwrap_or(0..text.len());
    let (at, end) = (units(text, place.start), units(text, place.end));
    let hint = error.message().lines().last().filter(|line| line.starts_with("did you mean"));
    Problem {
        message: error.message().to_owned(),
        at,
        length: end.saturating_sub(at).max(1),
        hint: hint.map(str::to_owned),
    }
}

/// Returns the fields that fit a text, best first: those that begin with it, then those with a key
/// that begins with it, then those that have it inside.
fn fields(known: &[KeySummary], typed: &str) -> Vec<Item> {
    let wanted = plain(typed);
    let fixed = RunSearch::fixed_fields().into_iter().map(|text| {
        let detail = if is_number(&text) { "time in ms" } else { "text" };
        Item { text, kind: "attribute", detail: detail.to_owned() }
    });
    let keyed = known.iter().map(|summary| Item {
        text: field(summary),
        kind: keys::kind_of(summary.kind),
        detail: detail(summary),
    });
    let ranked = fixed.chain(keyed).filter_map(|item| Some((rank(&item.text, &wanted)?, item)));
    let mut ranked: Vec<(u8, Item)> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).take(ITEMS_MAX).collect()
}

fn rank(text: &str, wanted: &str) -> Option<u8> {
    let text = plain(text);
    let key = text.split_once('.').map_or(text.as_str(), |(_, key)| key);
    match () {
        () if text.starts_with(wanted) => Some(0),
        () if key.starts_with(wanted) => Some(1),
        () if text.contains(wanted) => Some(2),
        () => None,
    }
}

/// Returns a text without quotes, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '`' | '"' | '\'')).collect::<String>().to_lowercase()
}

fn field(summary: &KeySummary) -> String {
    match summary.kind {
        KeyKind::Metric => RunSearch::metric_field(&summary.key),
        KeyKind::Param => RunSearch::param_field(&summary.key),
        KeyKind::Tag => RunSearch::tag_field(&summary.key),
    }
}

fn detail(summary: &KeySummary) -> String {
    let mut detail = match summary.runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    };
    if let Some((min, max)) = summary.range {
        // Writing to a string cannot fail.
        let _ = write!(detail, ", {min} to {max}");
    }
    detail
}

fn is_number(field: &str) -> bool {
    NUMBER_FIELDS.contains(&field) || NUMBER_PREFIXES.iter().any(|prefix| field.starts_with(prefix))
}

fn operators(field: &str, typed: &str) -> Vec<Item> {
    words(if is_number(field) { NUMBER_OPERATORS } else { TEXT_OPERATORS }, "operator", typed)
}

fn values(field: &str, typed: &str) -> Vec<Item> {
    if !field.ends_with("status") {
        return Vec::new();
    }
    let statuses = RunStatus::ALL.map(|status| format!("'{status}'"));
    let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
    words(&statuses, "value", typed)
}

fn words(known: &[&str], kind: &'static str, typed: &str) -> Vec<Item> {
    let wanted = plain(typed);
    let fits = known.iter().filter(|word| plain(word).starts_with(&wanted));
    let item = |word: &&str| Item { text: (*word).to_owned(), kind, detail: String::new() };
    fits.map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_like_in_a_browser() {
        let text = "a\u{e9}\u{1f600}b";
        for (units_before, byte) in [(0, 0), (1, 1), (2, 3), (4, 7), (5, 8), (9, 8)] {
            assert_eq!(byte_of(text, units_before), byte, "{units_before}");
        }
        assert_eq!(units(text, 7), 4);
    }

    #[test]
    fn the_best_fit_comes_first() {
        assert_eq!(rank("metrics.`val/Loss`", "metrics.val"), Some(0));
        assert_eq!(rank("metrics.`val/Loss`", "val/l"), Some(1));
        assert_eq!(rank("metrics.`val/Loss`", "loss"), Some(2));
        assert_eq!(rank("metrics.loss", "accuracy"), None);
    }
}
