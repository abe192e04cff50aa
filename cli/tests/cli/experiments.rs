//! `tracklite experiments` with filters, orders and pages.

use tracklite::Database;

use super::Sample;
use super::search::next_token;

fn names(found: &serde_json::Value) -> Vec<&str> {
    let all = found.as_array().expect("an array");
    all.iter().map(|experiment| experiment["name"].as_str().expect("a name")).collect()
}

#[test]
fn experiments_can_be_filtered_and_sorted() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let other = database.experiment("/Shared/team/other").expect("a valid path");
    other.set_tag("team", "blue").expect("a tag is set");
    database.close().expect("the file is closed");
    let found = |arguments: &[&str]| {
        let found = sample.json("experiments", arguments);
        names(&found).join(" ")
    };
    assert_eq!(found(&[]), "Default /Shared/team/churn /Shared/team/other");
    assert_eq!(found(&["", "-o", "name DESC"]).split(' ').nth(1), Some("/Shared/team/other"));
    assert_eq!(found(&["name LIKE '/Shared/%'", "-o", "name"]).split(' ').count(), 2);
    assert_eq!(found(&["tags.team = 'blue'"]), "/Shared/team/other");
    assert_eq!(found(&["tags.team IS NULL AND name ILIKE '%CHURN'"]), "/Shared/team/churn");
    assert_eq!(sample.print("experiments", &["name = 'x'"]), "no experiments\n");
    let message = sample.failure_lines("experiments", &["nam = 'x'"]);
    assert!(message.contains("nam = 'x'\n") && message.contains('^'), "{message}");
}

#[test]
fn a_page_prints_the_token_of_the_next_page_of_experiments() {
    let sample = Sample::new();
    let first = sample.print("experiments", &["-n", "1"]);
    let (_, token) = first.trim_end().rsplit_once("--page ").expect("a token");
    let second = sample.print("experiments", &["-n", "1", "--page", token]);
    assert!(first.contains("Default") && !first.contains("churn"), "{first}");
    assert!(second.contains("churn") && !second.contains("--page"), "{second}");
    let message = sample.failure("experiments", &["--order", "name", "--page", token]);
    assert!(message.contains("another query"), "{message}");
}

#[test]
fn json_has_all_experiments_unless_a_limit_is_given() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    for number in 0..1100 {
        database.experiment(&format!("/many/{number}")).expect("a valid path");
    }
    database.close().expect("the file is closed");
    let filter = "name LIKE '/many/%'";
    assert_eq!(names(&sample.json("experiments", &[filter])).len(), 1100);
    let limited = sample.run("experiments", &[filter, "-n", "100", "--json"]);
    let rest = sample.json("experiments", &[filter, "--page", &next_token(&limited)]);
    assert_eq!(names(&rest).len(), 1000);
}
