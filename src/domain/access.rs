//! Who may do what: roles, who asks, mandates of banks.
//!
//! A role is an office in the field, not a level: none contains another. Which of them a path takes is a table beside the
//! paths; what an answer shows to whom is asked here ([`Caller::sight`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::calendar::Instant;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::is_unseen;

/// Longest name of somebody, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest naming of a document, in characters.
pub const DOCUMENT_CHARS_MAX: usize = 200;

/// What somebody is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Anybody who was given a token: air figures, and tiers without what is behind them.
    Public,
    /// A monitoring station or whoever runs it.
    Station,
    /// A rated enterprise: what is about itself.
    Enterprise,
    /// A bank: tiers, and details of those it holds a mandate for.
    Bank,
    /// Reads everything, the audit log too, and enters nothing.
    Auditor,
    /// A town office.
    Town,
    /// The county's branch of the bureau.
    County,
    /// The city's bureau.
    Bureau,
    /// The province.
    Province,
    /// Keeps the program running: counts, health, kept messages.
    Operator,
    /// Says who has which role; enters nothing into registry or ledger.
    Administrator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Public,
        Self::Station,
        Self::Enterprise,
        Self::Bank,
        Self::Auditor,
        Self::Town,
        Self::County,
        Self::Bureau,
        Self::Province,
        Self::Operator,
        Self::Administrator,
    ];

    /// The text stored and printed.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Station => "station",
            Self::Enterprise => "enterprise",
            Self::Bank => "bank",
            Self::Auditor => "auditor",
            Self::Town => "town",
            Self::County => "county",
            Self::Bureau => "bureau",
            Self::Province => "province",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// From the text.
    ///
    /// # Errors
    /// In words, with those there are.
    pub fn parse(key: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.key() == key);
        let known = || Self::ALL.map(Self::key).join(", ");
        found.ok_or_else(|| format!("{key:?} is no role; there are {}", known()))
    }
}

/// Some roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles(u16);

impl Roles {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every role.
    pub const ALL: Self = Self::of(&Role::ALL);

    /// These.
    pub const fn of(roles: &[Role]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < roles.len() {
            set |= 1 << roles[at] as u16;
            at += 1;
        }
        Self(set)
    }

    /// These and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether the role is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u16) != 0
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

/// How somebody showed who that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Not at all: there is no access control yet.
    Open,
    /// Not at all, where none is needed.
    Nothing,
    /// By the token of that identifier.
    Token(String),
    /// By a session that began with a password.
    Session,
    /// By a client certificate of that name.
    Certificate(String),
}

impl Via {
    /// The text printed.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Nothing => "nothing",
            Self::Token(_) => "token",
            Self::Session => "session",
            Self::Certificate(_) => "certificate",
        }
    }
}

/// How much of a unit's answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Its tiers.
    Tier,
    /// What is behind them too, as far as banks are shown it.
    Details,
    /// Everything but what is sealed.
    Full,
    /// Everything.
    Whole,
}

/// From when until when a bank may see the details of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// The first day.
    pub from: NaiveDate,
    /// The last day; `None`: until it is ended.
    pub until: Option<NaiveDate>,
}

impl Term {
    /// Whether it holds that day.
    pub fn holds(self, day: NaiveDate) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// The mandates of one bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mandates(BTreeMap<Uscc, Vec<Term>>);

impl Mandates {
    /// Adds one.
    pub fn add(&mut self, subject: Uscc, term: Term) {
        self.0.entry(subject).or_default().push(term);
    }

    /// Whether one of them is about the unit and holds that day.
    pub fn cover(&self, subject: &Uscc, day: NaiveDate) -> bool {
        let terms = self.0.get(subject);
        terms.is_some_and(|terms| terms.iter().any(|term| term.holds(day)))
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// By which name; `None` while there is no access control, and for whoever shows none where none is needed.
    pub name: Option<String>,
    /// In which role.
    pub role: Role,
    /// Which unit an enterprise is.
    pub subject: Option<Uscc>,
    /// Whose details a bank may see.
    pub mandates: Arc<Mandates>,
    /// How that was shown.
    pub via: Via,
    /// What the request is called in logs and in the audit log.
    pub request_id: String,
}

impl Caller {
    /// Whoever asks while there is no access control: may do everything.
    #[must_use]
    pub fn open(request_id: String) -> Self {
        Self::nameless(Role::Administrator, Via::Open, request_id)
    }

    /// Whoever shows nothing where nothing is needed.
    #[must_use]
    pub fn nobody(request_id: String) -> Self {
        Self::nameless(Role::Public, Via::Nothing, request_id)
    }

    fn nameless(role: Role, via: Via, request_id: String) -> Self {
        Self {
            name: None,
            role,
            subject: None,
            mandates: Arc::default(),
            via,
            request_id,
        }
    }

    /// Whether there is no access control.
    pub fn is_open(&self) -> bool {
        self.via == Via::Open
    }

    /// Who an act is by: whoever asks. While there is no access control, whoever the act says it is; else it need not say,
    /// and may say nobody else.
    ///
    /// # Errors
    /// In words, when another is named.
    pub fn actor(&self, given: Option<&str>) -> Result<Option<String>, String> {
        match (&self.name, given) {
            (None, given) => Ok(given.map(str::to_owned)),
            (Some(name), None) => Ok(Some(name.clone())),
            (Some(name), Some(given)) if name == given => Ok(Some(name.clone())),
            (Some(name), Some(given)) => {
                let given: String = given.chars().take(NAME_CHARS_MAX).collect();
                Err(format!(
                    "{given:?} is not who asks, {name:?}; leave it out or name whoever asks"
                ))
            }
        }
    }

    /// Whether whoever asks is shown notices about a unit that do not act yet.
    pub fn sees_notices(&self, subject: &Uscc) -> bool {
        match self.role {
            _ if self.is_open() => true,
            Role::Public | Role::Station | Role::Operator | Role::Bank => false,
            Role::Enterprise => self.subject.as_ref() == Some(subject),
            Role::Auditor | Role::Administrator => true,
            Role::Town | Role::County | Role::Bureau | Role::Province => true,
        }
    }

    /// How much of a unit's answer is shown to whoever asks, that day.
    pub fn sight(&self, subject: &Uscc, today: NaiveDate) -> Sight {
        match self.role {
            _ if self.is_open() => Sight::Whole,
            Role::Public | Role::Station | Role::Operator => Sight::Tier,
            Role::Enterprise if self.subject.as_ref() == Some(subject) => Sight::Whole,
            Role::Enterprise => Sight::Tier,
            Role::Bank if self.mandates.cover(subject, today) => Sight::Details,
            Role::Bank => Sight::Tier,
            Role::Auditor | Role::Administrator => Sight::Full,
            Role::Town | Role::County | Role::Bureau | Role::Province => Sight::Whole,
        }
    }
}

/// One act as the audit log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Instant,
    /// Who, by the name shown; `None`: nobody had to show one.
    pub who: Option<String>,
    /// In which role.
    pub role: Option<Role>,
    /// How that was shown.
    pub via: String,
    /// What was done, such as `token.add`.
    pub what: String,
    /// To what: a name, a code, a path.
    pub about: String,
    /// What else is worth knowing; never a secret.
    pub detail: String,
    /// From which address, for what was refused.
    pub address: Option<String>,
    /// How often, for what is counted together.
    pub count: u64,
    /// Which request.
    pub request_id: Option<String>,
}

impl Act {
    /// What a caller does.
    #[must_use]
    pub fn by(caller: &Caller, at: Instant, what: &str, about: &str) -> Self {
        Self {
            at,
            who: caller.name.clone(),
            role: (!caller.is_open()).then_some(caller.role),
            via: caller.via.key().to_owned(),
            what: what.to_owned(),
            about: about.to_owned(),
            detail: String::new(),
            address: None,
            count: 1,
            request_id: Some(caller.request_id.clone()),
        }
    }

    /// What somebody does at the machine itself.
    #[must_use]
    pub fn at_machine(who: Option<&str>, at: Instant, what: &str, about: &str) -> Self {
        Self {
            at,
            who: who.map(str::to_owned),
            role: None,
            via: "command".to_owned(),
            what: what.to_owned(),
            about: about.to_owned(),
            detail: String::new(),
            address: None,
            count: 1,
            request_id: None,
        }
    }

    /// With what else is worth knowing.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Checks the name of somebody: printable, without blanks around it, not too long.
///
/// # Errors
/// In words.
pub fn check_name(text: &str) -> Result<(), String> {
    line(text, NAME_CHARS_MAX)
}

/// Checks the naming of a document, as [`check_name`].
///
/// # Errors
/// In words.
pub fn check_document(text: &str) -> Result<(), String> {
    line(text, DOCUMENT_CHARS_MAX)
}

fn line(text: &str, most: usize) -> Result<(), String> {
    let whole = !text.is_empty() && text.trim() == text && text.chars().count() <= most;
    if whole && !text.chars().any(is_unseen) {
        return Ok(());
    }
    Err(format!(
        "1 to {most} printable characters without blanks around them are expected"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(code: &str) -> Uscc {
        Uscc::new(code).expect("sound")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn roles_are_read_back_and_sets_hold_what_they_were_made_of() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.key()), Ok(role));
            assert!(Roles::ALL.has(role) && !Roles::NONE.has(role));
            assert_eq!(Roles::of(&[role]).each().collect::<Vec<_>>(), [role]);
        }
        assert!(Role::parse("root").is_err());
    }

    #[test]
    fn a_mandate_shows_details_from_its_first_to_its_last_day() {
        let (own, other) = (unit("91999999MA1ABCDE8G"), unit("91999999MA1X00017B"));
        let mut mandates = Mandates::default();
        let term = |from, until: Option<&str>| Term {
            from: day(from),
            until: until.map(day),
        };
        mandates.add(own, term("2026-01-10", Some("2026-01-20")));
        mandates.add(own, term("2026-03-01", None));
        let mut bank = Caller::nobody(String::new());
        (bank.role, bank.mandates) = (Role::Bank, Arc::new(mandates));
        for (unit, on, expected) in [
            (own, "2026-01-09", Sight::Tier),
            (own, "2026-01-10", Sight::Details),
            (own, "2026-01-20", Sight::Details),
            (own, "2026-01-21", Sight::Tier),
            (own, "2031-01-01", Sight::Details),
            (other, "2026-01-10", Sight::Tier),
        ] {
            assert_eq!(bank.sight(&unit, day(on)), expected, "{on}");
        }
    }

    #[test]
    fn an_enterprise_sees_itself_and_nobody_else() {
        let (own, other) = (unit("91999999MA1ABCDE8G"), unit("91999999MA1X00017B"));
        let mut caller = Caller::nobody(String::new());
        (caller.role, caller.subject) = (Role::Enterprise, Some(own));
        let today = day("2026-01-01");
        assert_eq!(caller.sight(&own, today), Sight::Whole);
        assert_eq!(caller.sight(&other, today), Sight::Tier);
        assert_eq!(Caller::open(String::new()).sight(&own, today), Sight::Whole);
    }

    #[test]
    fn an_act_is_by_whoever_asks() {
        let mut caller = Caller::open(String::new());
        assert_eq!(caller.actor(Some("Li")), Ok(Some("Li".to_owned())));
        assert_eq!(caller.actor(None), Ok(None));
        caller.name = Some("Li".to_owned());
        assert_eq!(caller.actor(None), Ok(Some("Li".to_owned())));
        assert_eq!(caller.actor(Some("Li")), Ok(Some("Li".to_owned())));
        assert!(caller.actor(Some("Wu")).is_err());
    }

    #[test]
    fn names_are_one_printable_line() {
        for (text, sound) in [
            ("江阴农商行", true),
            ("a b", true),
            ("", false),
            (" a", false),
            ("a\nb", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(check_name(text).is_ok(), sound, "{text:?}");
        }
    }
}
