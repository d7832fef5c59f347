//! What a command changes leaves a row in the audit log of its data directory, where there is one: a table for all of them.
//!
//! Commands about tokens, users, devices and mandates write theirs with the change itself, and `restore` into the copy.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::adapters::access::Access;
use crate::domain::access::Act;
use crate::domain::access::check_name;
use crate::domain::calendar::Instant;

/// What a command leaves; arguments by their id.
struct Row {
    command: &'static str,
    /// Who did it.
    who: Option<&'static str>,
    /// To what.
    about: &'static [&'static str],
    /// What else is worth knowing.
    detail: &'static [&'static str],
    /// Given one of these, it changes nothing.
    unless: &'static [&'static str],
    /// Only given this does it change anything.
    only: Option<&'static str>,
}

/// Characters of what an act was about; the rest is cut, as of a list of a thousand files.
const ABOUT_CHARS_MAX: usize = 400;

const fn row(command: &'static str, about: &'static [&'static str]) -> Row {
    Row {
        command,
        who: None,
        about,
        detail: &[],
        unless: &[],
        only: None,
    }
}

/// Every command that changes a data directory, or takes all of it out.
const ROWS: &[Row] = &[
    row("seed", &["names"]),
    Row {
        unless: &["list"],
        ..row("register", &["tables"])
    },
    Row {
        who: Some("reviewer"),
        unless: &["list"],
        ..row("review", &["file"])
    },
    Row {
        who: Some("by"),
        detail: &["reason"],
        unless: &["list"],
        ..row("delete", &["source", "factor", "from", "to"])
    },
    Row {
        unless: &["list", "dry_run"],
        ..row("retention", &[])
    },
    row("import", &["input"]),
    row("dead-letters retry", &["source", "ids"]),
    Row {
        detail: &["by", "edition", "review"],
        unless: &["list"],
        ..row("publish", &["area", "from", "to"])
    },
    Row {
        who: Some("by"),
        ..row("credit act", &["act", "subject"])
    },
    row("credit load", &["file"]),
    Row {
        who: Some("by"),
        detail: &["source"],
        unless: &["preview"],
        ..row("credit official", &["file", "as_of"])
    },
    Row {
        detail: &["bank"],
        ..row("webhooks add", &["name"])
    },
    row("webhooks remove", &["name"]),
    row("webhooks retry", &["name"]),
    row("webhooks test", &["name"]),
    Row {
        only: Some("new"),
        ..row("receipt key", &[])
    },
    row("compact", &[]),
    row("backup", &["out"]),
];

/// A row to be written when the command has done what it says.
pub struct Deed {
    log: Access,
    act: Act,
}

/// The name of the command that was given, its arguments innermost.
fn innermost(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut words, mut own) = (Vec::new(), matches);
    while let Some((name, inner)) = own.subcommand() {
        words.push(name);
        own = inner;
    }
    (words.join(" "), own)
}

/// The texts given for an argument, or its default.
fn given(matches: &ArgMatches, id: &str) -> Vec<String> {
    let values = matches.try_get_raw(id).ok().flatten();
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    values.map_or_else(Vec::new, |values| values.map(text).collect())
}

fn joined(matches: &ArgMatches, ids: &[&str]) -> String {
    let texts: Vec<String> = ids.iter().flat_map(|id| given(matches, id)).collect();
    texts.join(" ").chars().take(ABOUT_CHARS_MAX).collect()
}

/// Whether an argument stands on the command line.
fn stands(matches: &ArgMatches, id: &str) -> bool {
    let known = matches.ids().any(|known| known.as_str() == id);
    known && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// What the command that was given would leave, if it changes anything: the data directory and the act.
fn act(matches: &ArgMatches, now: Instant, user: &str) -> Option<(PathBuf, Act)> {
    let (command, own) = innermost(matches);
    let row = ROWS.iter().find(|row| row.command == command)?;
    let idle = row.unless.iter().any(|id| stands(own, id));
    if idle || row.only.is_some_and(|id| !stands(own, id)) {
        return None;
    }
    let data: Option<OsString> = own
        .try_get_raw("data")
        .ok()
        .flatten()?
        .next()
        .map(Into::into);
    let by = row.who.and_then(|id| given(own, id).into_iter().next());
    let by = by.filter(|by| check_name(by).is_ok());
    let who = by.unwrap_or_else(|| user.to_owned());
    let about = joined(own, row.about);
    let act = Act::at_machine(Some(&who), now, &format!("skytier {command}"), &about);
    Some((data?.into(), act.with(joined(own, row.detail))))
}

/// The name the system knows who runs this by.
pub(super) fn system_user() -> String {
    #[cfg(unix)]
    let id = std::fs::metadata("/proc/self")
        .ok()
        .map(|own| std::os::unix::fs::MetadataExt::uid(&own).to_string());
    #[cfg(not(unix))]
    let id: Option<String> = None;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = id.as_ref().and_then(|id| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        })
    });
    let told = || std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let name = named.or(id).or_else(|| told().ok());
    format!("cli:{}", name.as_deref().unwrap_or("unknown"))
}

/// Opens the log before the command begins, so that nothing is done that could not be noted; `None` for what changes
/// nothing, and where there is no log.
///
/// # Errors
/// A log that cannot be opened.
pub fn before(matches: &ArgMatches, now: Instant) -> anyhow::Result<Option<Deed>> {
    let Some((data, act)) = act(matches, now, &system_user()) else {
        return Ok(None);
    };
    let log = opened(&data)?;
    Ok(log.map(|log| Deed { log, act }))
}

fn opened(data: &Path) -> anyhow::Result<Option<Access>> {
    let log = Access::existing(data);
    log.context("failed to open the audit log, so nothing was done")
}

impl Deed {
    /// Writes the row.
    ///
    /// # Errors
    /// Those of the log.
    pub fn done(self, now: Instant) -> anyhow::Result<()> {
        let act = Act {
            at: now,
            ..self.act
        };
        let noted = self.log.record(vec![act]);
        noted.context("it is done, but the audit log was not written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::cli::command;

    /// Commands that change no data directory, or write the log themselves.
    const OTHERS: &str = "serve demo tokens devices mandates users audit replay assess targets rank index bulletin rate \
                          rulebook chart snapshot export restatements doctor verify crosscheck load restore stats gaps qc";
    /// Parts of commands that change nothing.
    const PARTS: &str = "dead-letters list,dead-letters export,credit records,credit history,credit tariff,\
                         credit disagreements,credit head,webhooks list,receipt verify,\
                         lookups list,lookups show,lookups timestamp";

    fn names(command: &clap::Command, before: &str, all: &mut Vec<String>) {
        for part in command
            .get_subcommands()
            .filter(|part| part.get_name() != "help")
        {
            let name = format!("{before}{}", part.get_name());
            match part.has_subcommands() && !OTHERS.split_whitespace().any(|other| other == name) {
                true => names(part, &format!("{name} "), all),
                false => all.push(name),
            }
        }
    }

    #[test]
    fn every_command_has_a_row_or_needs_none() {
        let mut all = Vec::new();
        names(&command(), "", &mut all);
        let others: Vec<&str> = OTHERS.split_whitespace().chain(PARTS.split(',')).collect();
        for name in &all {
            let row = ROWS.iter().any(|row| row.command == name);
            let other = others.contains(&name.as_str());
            assert!(
                row != other,
                "{name}: give it a row in ROWS, or name it as one that changes nothing"
            );
        }
        let gone: Vec<_> = others
            .iter()
            .filter(|name| !all.iter().any(|one| one == *name))
            .collect();
        assert!(gone.is_empty(), "{gone:?}");
    }

    #[test]
    fn every_argument_of_a_row_is_one_of_its_command() {
        for row in ROWS {
            let mut own = &command();
            for word in row.command.split(' ') {
                own = own.find_subcommand(word).expect(row.command);
            }
            let ids: Vec<&str> = own
                .get_arguments()
                .map(|arg| arg.get_id().as_str())
                .collect();
            let named = row
                .who
                .iter()
                .chain(row.about)
                .chain(row.detail)
                .chain(row.unless)
                .chain(&row.only);
            for id in named.chain(&["data"]) {
                assert!(ids.contains(id), "{}: {id} is none of {ids:?}", row.command);
            }
        }
    }

    #[test]
    fn an_act_says_who_and_what() {
        let check = |line: &str, expected: Option<(&str, &str, &str, &str)>| {
            let words = std::iter::once("skytier").chain(line.split(' '));
            let matches = command().try_get_matches_from(words).expect(line);
            let found = act(&matches, Instant::from_unix(0), "cli:li");
            let found = found
                .map(|(_, act)| (act.who.unwrap_or_default(), act.what, act.about, act.detail));
            let expected = expected.map(|(who, what, about, detail)| {
                (who.into(), what.into(), about.into(), detail.into())
            });
            assert_eq!(found, expected, "{line}");
        };
        check(
            "seed a b --data d",
            Some(("cli:li", "skytier seed", "a b", "")),
        );
        check("delete --data d --list", None);
        check("register --data d --list stations", None);
        check("export --data d --what hours --out o", None);
        check("receipt key --data d", None);
        check(
            "receipt key --data d --new",
            Some(("cli:li", "skytier receipt key", "", "")),
        );
        check(
            "compact --data d",
            Some(("cli:li", "skytier compact", "", "")),
        );
        check(
            "delete --data d --source s --factor pm25 --by Li --reason gas --from 2020-01-01T00:00:00+08:00 --to \
             2020-01-02T00:00:00+08:00",
            Some((
                "Li",
                "skytier delete",
                "s pm25 2020-01-01T00:00:00+08:00 2020-01-02T00:00:00+08:00",
                "gas",
            )),
        );
        check(
            "credit act halt --data d --subject 91999999MA1X00017B --by Li",
            Some(("Li", "skytier credit act", "halt 91999999MA1X00017B", "")),
        );
    }
}
