//! `skytier users`: who logs in with a password.

use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use crate::adapters::access::persons::NewPerson;
use crate::adapters::access::persons::Person;
use crate::adapters::report::table::table;
use crate::app::fault::bad_input;
use crate::app::identity::open;
use crate::app::identity::told;
use crate::app::tokens::Format;
use crate::app::tokens::named;
use crate::domain::access::Act;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;

/// Longest line that is read as a password, in bytes.
const LINE_BYTES_MAX: u64 = 4_096;

/// Let persons log in: add, list, give another password, disable.
///
/// A person logs in at /login with a name and a password and has one role, as tokens have. The password is read as one line from
/// standard input, never from the command line; 12 characters at least. Kept is what Argon2id makes of it. Another
/// password and disabling end the person's sessions. Works beside a running daemon, which takes changes up within a second.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  printf '%s\\n' 'rain over the Yangtze' | skytier users add --data var/city --name 'Li Na' --role bureau
  skytier users list --data var/city
  printf '%s\\n' 'snow over the Yangtze' | skytier users passwd --data var/city 'Li Na'
  skytier users disable --data var/city 'Li Na'
  skytier users enable --data var/city 'Li Na'")]
pub struct UsersArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Add a person; the password comes from standard input.
    Add {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The name, by which acts are signed.
        #[arg(long)]
        name: String,
        /// What that is to us; see `skytier tokens --help`.
        #[arg(long, value_parser = Role::parse)]
        role: Role,
        /// The enterprise's code; for that role alone.
        #[arg(long, value_name = "USCC", value_parser = Uscc::new)]
        subject: Option<Uscc>,
        /// Who adds the person, for the audit log.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// List all persons by name.
    List {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How to print them.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Give another password, from standard input; ends the sessions.
    Passwd(One),
    /// Let a person in no more; ends the sessions.
    Disable(One),
    /// Let a person in again.
    Enable(One),
}

#[derive(clap::Args, Debug)]
struct One {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The person.
    name: String,
    /// Who does it, for the audit log.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// What cannot be done, or those of the file.
pub fn run(args: UsersArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    match args.what {
        What::Add {
            data,
            name,
            role,
            subject,
            by,
        } => {
            named(by.as_deref())?;
            let act = Act::at_machine(by.as_deref(), now, "user.add", &name).with(role.key());
            let new = NewPerson {
                name,
                role,
                subject,
            };
            let access = open(&data)?;
            access
                .add_person(&new, &password()?, now, act)
                .map_err(told)?;
            writeln!(out, "{} is added as {}", new.name, role.key())?;
        }
        What::List { data, format } => {
            let persons = open(&data)?.persons()?;
            match format {
                Format::Table => write!(out, "{}", table(&HEADER, rows(&persons)))?,
                Format::Json => {
                    for person in &persons {
                        writeln!(out, "{}", person_json(person))?;
                    }
                }
            }
        }
        What::Passwd(one) => {
            let (access, act) = one.begin(now, "user.password")?;
            access
                .set_password(&one.name, &password()?, now, act)
                .map_err(told)?;
            writeln!(out, "{} has another password", one.name)?;
        }
        What::Disable(one) => {
            let (access, act) = one.begin(now, "user.disable")?;
            access
                .disable_person(&one.name, true, now, act)
                .map_err(told)?;
            writeln!(out, "{} is let in no more", one.name)?;
        }
        What::Enable(one) => {
            let (access, act) = one.begin(now, "user.enable")?;
            access
                .disable_person(&one.name, false, now, act)
                .map_err(told)?;
            writeln!(out, "{} is let in again", one.name)?;
        }
    }
    Ok(())
}

impl One {
    fn begin(
        &self,
        now: Instant,
        what: &str,
    ) -> anyhow::Result<(crate::adapters::access::Access, Act)> {
        named(self.by.as_deref())?;
        let act = Act::at_machine(self.by.as_deref(), now, what, &self.name);
        Ok((open(&self.data)?, act))
    }
}

/// One line of standard input.
fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("password: ");
    }
    let mut line = String::new();
    let input = std::io::stdin().lock().take(LINE_BYTES_MAX);
    let mut input = std::io::BufReader::new(input);
    let read = input.read_line(&mut line);
    read.map_err(|cause| bad_input(format!("the password on standard input: {cause}")))?;
    let bare = line.trim_end_matches(['\n', '\r']);
    Ok(bare.to_owned())
}

const HEADER: [&str; 6] = ["name", "role", "subject", "state", "added", "password set"];

fn state(person: &Person) -> &'static str {
    match person.disabled_at {
        Some(_) => "disabled",
        None => "valid",
    }
}

fn rows(persons: &[Person]) -> Vec<Vec<String>> {
    let text = |at: Instant| Zone::beijing().text(at);
    let subject = |person: &Person| person.subject.map(|subject| subject.to_string());
    let row = |person: &Person| {
        vec![
            person.name.clone(),
            person.role.key().to_owned(),
            subject(person).unwrap_or_default(),
            state(person).to_owned(),
            text(person.created_at),
            text(person.changed_at),
        ]
    };
    persons.iter().map(row).collect()
}

fn person_json(person: &Person) -> serde_json::Value {
    let text = |at: Instant| Zone::beijing().text(at);
    json!({
        "name": person.name,
        "role": person.role.key(),
        "subject": person.subject.map(|subject| subject.to_string()),
        "state": state(person),
        "created_at": text(person.created_at),
        "created_by": person.created_by,
        "changed_at": text(person.changed_at),
        "disabled_at": person.disabled_at.map(text),
    })
}
