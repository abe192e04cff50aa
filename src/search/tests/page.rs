//! Page tokens.

use super::refusal;
use crate::search::{Fingerprint, PageToken};

const QUERY: Fingerprint = Fingerprint(0x0123_4567_89ab_cdef);

#[test]
fn a_token_extends_mlflows_with_the_query() {
    // The output of `base64.b64encode(json.dumps({"offset": 1000}).encode())`.
    let plain = PageToken { offset: 1000, query: None };
    assert_eq!(plain.encode(), "eyJvZmZzZXQiOiAxMDAwfQ==");
    assert_eq!(PageToken::decode("eyJvZmZzZXQiOiAxMDAwfQ==").expect("a token"), plain);
    let own = PageToken { offset: 1000, query: Some(QUERY) };
    let text = own.encode();
    assert_eq!(text, "eyJvZmZzZXQiOiAxMDAwLCAicXVlcnkiOiAiMDEyMzQ1Njc4OWFiY2RlZiJ9");
    assert_eq!(PageToken::decode(&text).expect("a token"), own);
    // {"offset":7} and { "offset" : "7" }, which MLflow accepts as well.
    for text in ["eyJvZmZzZXQiOjd9", "eyAib2Zmc2V0IiA6ICI3IiB9"] {
        assert_eq!(PageToken::decode(text).expect("a token").offset, 7);
    }
}

#[test]
fn every_offset_survives_encoding() {
    for offset in [1, 2, 9, 10, 999, 1 << 40, i64::MAX.unsigned_abs()] {
        for query in [None, Some(Fingerprint(0)), Some(Fingerprint(u64::MAX))] {
            let token = PageToken { offset, query };
            assert_eq!(PageToken::decode(&token.encode()).expect("a token"), token);
        }
    }
}

#[test]
fn a_token_is_bound_to_its_query() {
    let token = PageToken { offset: 5, query: Some(QUERY) }.encode();
    assert_eq!(PageToken::offset_in("", QUERY).expect("the first page"), 0);
    assert_eq!(PageToken::offset_in(&token, QUERY).expect("the same query"), 5);
    let other = refusal(PageToken::offset_in(&token, Fingerprint(1)));
    assert_eq!(other, "Invalid page token, it belongs to another query");
    let foreign = PageToken { offset: 5, query: None }.encode();
    assert_eq!(PageToken::offset_in(&foreign, QUERY).expect("MLflow's token"), 5);
}

#[test]
fn malformed_tokens_are_refused_with_a_reason() {
    for (text, reason) in [
        ("%%%", "could not base64-decode"),
        ("eyJvZmZzZXQiOiAxMDAwfQ", "could not base64-decode"),
        ("eyJvZmZzZXQiOiAxMDAwfQ==\n", "could not base64-decode"),
        ("eyJvZmZzZXQiOiAxMDAwfR==", "could not base64-decode"),
        ("/w==", "decoded value=b'\\xff': not UTF-8"),
        ("e30=", "parsed value={}: no offset"),
        ("W10=", "decoded value=b'[]': not an object"),
        ("eyJvZmZzZXQiOiAwfQ==", "parsed value={'offset': 0}: the offset is 0"),
        ("eyJvZmZzZXQiOi0xfQ==", "parsed value={'offset':-1}: not an object with an offset"),
        ("eyJvZmZzZXQiOiA5MjIzMzcyMDM2ODU0Nzc1ODA4fQ==", "not stringable 9223372036854775808"),
        ("eyJvZmZzZXQiOiJ4In0=", "not stringable x"),
        ("eyJvZmZzZXQiOiIifQ==", "parsed value={'offset':''}: no offset"),
        (
            "eyJvZmZzZXQiOjEsIm9mZnNldCI6Mn0=",
            "parsed value={'offset':1,'offset':2}: not an object with an offset",
        ),
        (
            "eyJvZmZzZXQiOjEsIngiOjJ9",
            "parsed value={'offset':1,'x':2}: not an object with an offset",
        ),
        (
            "eyJvZmZzZXQiOjEsInF1ZXJ5IjoieCJ9",
            "parsed value={'offset':1,'query':'x'}: the query is not 16 hexadecimal digits",
        ),
        (&"A".repeat(300), "could not base64-decode: longer than 256 bytes"),
    ] {
        assert_eq!(
            refusal(PageToken::decode(text)),
            format!("Invalid page token, {reason}"),
            "{text}"
        );
    }
}

#[test]
fn different_queries_have_different_fingerprints() {
    assert_eq!(Fingerprint::of([]), Fingerprint(0xcbf2_9ce4_8422_2325));
    assert_eq!(Fingerprint::of(["ab", "c"]), Fingerprint::of(["ab", "c"]));
    for other in [vec!["ab"], vec!["abc"], vec!["a", "bc"], vec!["ab", "c", ""], vec!["c", "ab"]] {
        assert_ne!(Fingerprint::of(["ab", "c"]), Fingerprint::of(other));
    }
}
