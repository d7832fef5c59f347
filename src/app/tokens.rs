//! `skytier tokens`: who is let in over HTTP.

use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::ValueEnum;
use serde_json::json;

use crate::adapters::access::tokens::DAYS_MAX;
use crate::adapters::access::tokens::NewToken;
use crate::adapters::access::tokens::Token;
use crate::adapters::report::table::table;
use crate::app::fault::bad_input;
use crate::app::identity::open;
use crate::app::identity::told;
use crate::domain::access::Act;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;

/// Days a token stands unless told.
const DAYS: i64 = 365;
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Let somebody in over HTTP: make, list and revoke tokens.
///
/// A token stands for a name and its role. Its text is printed once and kept nowhere: only its SHA-256 is. Before the
/// first token or user a daemon is open to all who reach it, on loopback alone; from then on every path asks who comes, also when all
/// were revoked. Works beside a running daemon, which takes changes up within a second.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Roles: public, station, enterprise (its own code alone), bank (details by mandate, see `skytier mandates`), auditor,
town, county, bureau, province, operator, administrator. README says what each may do.

Examples:
  skytier tokens add --data var/city --name 'Li Na' --role bureau
  skytier tokens add --data var/city --name icbc --role bank --days 90
  skytier tokens add --data var/city --name 'Example Dyeing' --role enterprise --subject 91999999MA1ABCDE8G
  skytier tokens list --data var/city
  skytier tokens revoke --data var/city 1f0c9a77b2d4")]
pub struct TokensArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Make a token and print its text, which nobody can print again.
    Add(AddArgs),
    /// List all tokens, oldest first.
    List {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How to print them.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Take a token back, for ever.
    Revoke {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Its identifier, the middle part of its text.
        id: String,
        /// Who takes it back, for the audit log.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Who shows it. A further token of the same name needs the same role.
    #[arg(long)]
    name: String,
    /// What that is to us.
    #[arg(long, value_parser = Role::parse)]
    role: Role,
    /// The enterprise's code; for that role alone.
    #[arg(long, value_name = "USCC", value_parser = Uscc::new)]
    subject: Option<Uscc>,
    /// For how many days it stands.
    #[arg(long, value_name = "N", default_value_t = DAYS, value_parser = clap::value_parser!(i64).range(1..=DAYS_MAX))]
    days: i64,
    /// The name in a client certificate that stands in place of a text, where the listener asks for certificates.
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,
    /// Who lets them in, for the audit log.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// How lists are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns.
    Table,
    /// A line of JSON each.
    Json,
}

/// Runs the command.
///
/// # Errors
/// What cannot be made, or those of the file.
pub fn run(args: TokensArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    match args.what {
        What::Add(args) => add(args, now, out),
        What::List { data, format } => {
            let tokens = open(&data)?.tokens()?;
            match format {
                Format::Table => write!(out, "{}", table(&HEADER, rows(&tokens, now)))?,
                Format::Json => {
                    for token in &tokens {
                        writeln!(out, "{}", token_json(token, now))?;
                    }
                }
            }
            Ok(())
        }
        What::Revoke { data, id, by } => {
            named(by.as_deref())?;
            let access = open(&data)?;
            let tokens = access.tokens()?;
            let name = tokens.iter().find(|token| token.id == id);
            let name = name.map_or("", |token| token.name.as_str());
            let act = Act::at_machine(by.as_deref(), now, "token.revoke", name).with(id.clone());
            match access.revoke_token(&id, now, act).map_err(told)? {
                true => writeln!(out, "{id} is revoked")?,
                false => writeln!(out, "{id} was revoked already")?,
            }
            Ok(())
        }
    }
}

fn add(args: AddArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    named(args.by.as_deref())?;
    let access = open(&args.data)?;
    let expires_at = now.plus_s(args.days * DAY_S);
    let new = NewToken {
        name: args.name,
        role: args.role,
        subject: args.subject,
        certificate: args.certificate,
        expires_at,
    };
    let until = Zone::beijing().text(expires_at);
    let role = args.role.key();
    let by = args.by.as_deref();
    let act = |id: &str, name: &str| {
        Act::at_machine(by, now, "token.add", name).with(format!("{id}, {role}, until {until}"))
    };
    let (text, token) = access.add_token(new, now, act).map_err(told)?;
    match text {
        Some(text) => writeln!(out, "{text}")?,
        None => writeln!(out, "{}", token.id)?,
    }
    Ok(())
}

const HEADER: [&str; 8] = [
    "id",
    "name",
    "role",
    "subject",
    "state",
    "created",
    "expires",
    "last used",
];

fn rows(tokens: &[Token], now: Instant) -> Vec<Vec<String>> {
    let text = |at: Instant| Zone::beijing().text(at);
    let row = |token: &Token| {
        vec![
            token.id.clone(),
            token.name.clone(),
            token.role.key().to_owned(),
            token
                .subject
                .map_or_else(String::new, |subject| subject.to_string()),
            token.state(now).to_owned(),
            text(token.created_at),
            text(token.expires_at),
            token.last_used_at.map_or_else(String::new, text),
        ]
    };
    tokens.iter().map(row).collect()
}

fn token_json(token: &Token, now: Instant) -> serde_json::Value {
    let text = |at: Instant| Zone::beijing().text(at);
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role.key(),
        "subject": token.subject.map(|subject| subject.to_string()),
        "certificate": token.certificate,
        "state": token.state(now),
        "created_at": text(token.created_at),
        "created_by": token.created_by,
        "expires_at": text(token.expires_at),
        "revoked_at": token.revoked_at.map(text),
        "last_used_at": token.last_used_at.map(text),
    })
}

/// A date of an option.
pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    let read = text.parse();
    read.map_err(|_| format!("{text:?}: a date such as 2026-01-31 is expected"))
}

/// Who is named by an option, checked.
pub(super) fn named(by: Option<&str>) -> anyhow::Result<()> {
    match by.map(crate::domain::access::check_name) {
        Some(Err(fault)) => Err(bad_input(format!("--by: {fault}"))),
        _ => Ok(()),
    }
}
