//! `tracklite token`: access tokens for a server of the file.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tracklite::token::{TokenId, TokenInfo, TokenScope};
use tracklite::{Database, Error, ErrorKind, Timestamp};

use crate::common_args::{FileArg, FileArgs, JsonFlag};
use crate::json;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token and print it, once
    Create(CreateArgs),
    /// List tokens, without their secrets
    Ls(FileArgs),
    /// Revoke a token permanently
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    file: FileArg,
    /// Comment, for example where the token is used
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,
    /// User for whom the token acts [default: you]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,
    /// Scope of the token: read, write (includes read) or admin (includes both)
    #[arg(long, short, value_name = "SCOPE", default_value = "read")]
    scope: String,
    /// Lifetime, for example 12h, 30d or 8w [default: it does not expire]
    #[arg(long, short, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    file: FileArg,
    /// Id of the token: its part between the underscores, as in `token ls`
    id: String,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Serialize)]
struct TokenObject<'a> {
    token_id: String,
    /// The whole token, only when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_value: Option<&'a str>,
    user_id: &'a str,
    comment: Option<&'a str>,
    scopes: &'a [String],
    state: &'static str,
    creation_time: i64,
    expiry_time: Option<i64>,
    revocation_time: Option<i64>,
}

impl<'a> TokenObject<'a> {
    fn new(info: &'a TokenInfo, now: Timestamp) -> Self {
        TokenObject {
            token_id: info.id.to_string(),
            token_value: None,
            user_id: &info.user,
            comment: info.comment.as_deref(),
            scopes: &info.scopes,
            state: state(info, now),
            creation_time: info.created.as_millis(),
            expiry_time: info.expires.map(Timestamp::as_millis),
            revocation_time: info.revoked.map(Timestamp::as_millis),
        }
    }
}

/// Runs a command for access tokens.
pub(crate) fn token(command: &TokenCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        TokenCommand::Create(args) => create(args, terminal),
        TokenCommand::Ls(args) => list(args, terminal),
        TokenCommand::Revoke(args) => revoke(args, terminal),
    }
}

fn create(args: &CreateArgs, terminal: &mut Terminal) -> Outcome {
    let scope: TokenScope = args.scope.parse()?;
    let lifetime = args.expires.as_deref().map(lifetime).transpose()?;
    let database = Database::open(&args.file.path)?;
    let mut token = database.new_token().scope(scope);
    if let Some(user) = &args.user {
        token = token.user(user);
    }
    if let Some(comment) = &args.comment {
        token = token.comment(comment);
    }
    if let Some(lifetime) = lifetime {
        token = token.expires_in(lifetime);
    }
    let (info, value) = token.create()?;
    database.close()?;
    if args.output.json {
        let object = TokenObject::new(&info, info.created);
        json::print(terminal, &TokenObject { token_value: Some(value.as_str()), ..object })?;
    } else {
        terminal.line(value.as_str())?;
    }
    // The token is on standard output alone, so that a script can read it.
    let warning = "the token is shown only now: store it in a safe place";
    let _ = writeln!(io::stderr(), "{warning}");
    Ok(Exit::Success)
}

fn list(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let (tokens, now) = (Database::open_read_only(&args.file.path)?.tokens()?, Timestamp::now());
    if args.output.json {
        json::print_array(terminal, tokens.iter().map(|token| Ok(TokenObject::new(token, now))))?;
        return Ok(Exit::Success);
    }
    if tokens.is_empty() {
        terminal.line("no tokens")?;
        return Ok(Exit::Success);
    }
    let expiry = |token: &TokenInfo| token.expires.map_or_else(|| "never".to_owned(), text::date);
    let comment = |token: &TokenInfo| token.comment.clone().unwrap_or_default();
    let mut table = Table::default();
    table.words("id", tokens.iter().map(|token| token.id.to_string()));
    table.long_text("user", 12, tokens.iter().map(|token| &token.user));
    table.words("scope", tokens.iter().map(|token| token.scopes.join(",")));
    table.words("state", tokens.iter().map(|token| state(token, now)));
    table.words("created (UTC)", tokens.iter().map(|token| text::date(token.created)));
    table.words("expires (UTC)", tokens.iter().map(expiry));
    table.long_text("comment", 20, tokens.iter().map(comment));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn revoke(args: &RevokeArgs, terminal: &mut Terminal) -> Outcome {
    let id: TokenId = args.id.parse()?;
    let database = Database::open(&args.file.path)?;
    database.revoke_token(id)?;
    let tokens = database.tokens()?;
    database.close()?;
    let revoked = tokens.iter().find(|token| token.id == id);
    match revoked.filter(|_| args.output.json) {
        Some(token) => json::print(terminal, &TokenObject::new(token, Timestamp::now()))?,
        None => terminal.line(&format!("token {id} is revoked"))?,
    }
    Ok(Exit::Success)
}

fn state(token: &TokenInfo, now: Timestamp) -> &'static str {
    match token.revoked {
        Some(_) => "revoked",
        None if token.is_live(now) => "active",
        None => "expired",
    }
}

/// Parses a whole number and a unit: seconds, minutes, hours, days or weeks.
fn lifetime(text: &str) -> Result<Duration, Error> {
    let invalid = || {
        let message = format!(
            "invalid --expires {text:?}: use a number and a unit, s, m, h, d or w, for example 30d"
        );
        Error::new(ErrorKind::InvalidInput, message)
    };
    let unit = text.chars().next_back().ok_or_else(invalid)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return Err(invalid()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u64>().ok().filter(|_| is_number);
    let total = count.and_then(|count| count.checked_mul(seconds)).ok_or_else(invalid)?;
    Ok(Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        let seconds = |text| lifetime(text).map(|time| time.as_secs()).ok();
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2m"), Some(120));
        assert_eq!(seconds("12h"), Some(43_200));
        assert_eq!(seconds("30d"), Some(2_592_000));
        assert_eq!(seconds("1w"), Some(604_800));
        for bad in ["", "d", "30", "-1d", "+1d", "1.5h", "1 d", "30D", "9\u{20ac}", "1y"] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
        assert_eq!(seconds("99999999999999999999d"), None);
        assert_eq!(seconds("99999999999999999w"), None);
    }
}
