//! Tokens: 256 random bits each, kept as their SHA-256, found by an identifier that is part of them.
//!
//! A plain digest is right here, other than for passwords: nobody can try out 2^256 texts. The text is shown once, when it
//! is made. Digests are compared in a time that does not depend on where they differ.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::params;
use subtle::ConstantTimeEq as _;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::Refusal;
use crate::adapters::access::digest;
use crate::adapters::access::random;
use crate::adapters::access::standing;
use crate::adapters::hex::hex;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::access::Via;
use crate::domain::access::check_name;
use crate::domain::calendar::Instant;
use crate::domain::credit::uscc::Uscc;
use crate::flow::locked::locked;
use crate::ports::StoreError;

/// What a token begins with.
const PREFIX: &str = "sky_";
/// Bytes of its identifier and of its secret.
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;
/// Tokens that may stand at once; those that ended do not count.
const TOKENS_MAX: i64 = 10_000;
/// Days a token may stand.
pub const DAYS_MAX: i64 = 1_830;
/// How exactly the last use is kept, in seconds.
const USED_STEP_S: i64 = 60;

/// A token as it is listed; its secret is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its identifier, the middle part of its text.
    pub id: String,
    /// Who shows it. Several tokens may have one name, and then one role.
    pub name: String,
    /// In which role.
    pub role: Role,
    /// Which unit an enterprise is.
    pub subject: Option<Uscc>,
    /// The client certificate that stands in place of a secret.
    pub certificate: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// By whom; `None`: at the machine itself, without a name.
    pub created_by: Option<String>,
    /// From when on it is worth nothing.
    pub expires_at: Instant,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// When it was shown last, to the minute.
    pub last_used_at: Option<Instant>,
    sha256: Option<[u8; 32]>,
}

impl Token {
    /// What it is worth: `valid`, `expired` or `revoked`.
    pub fn state(&self, now: Instant) -> &'static str {
        match (self.revoked_at, now < self.expires_at) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "valid",
        }
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Who shows it.
    pub name: String,
    /// In which role.
    pub role: Role,
    /// Which unit an enterprise is; for no other role.
    pub subject: Option<Uscc>,
    /// The client certificate in place of a secret.
    pub certificate: Option<String>,
    /// From when on it is worth nothing.
    pub expires_at: Instant,
}

/// Why what was shown gives no access. Outside, all are told alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worthless {
    /// Nobody was given it.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl fmt::Display for Worthless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

const COLUMNS: &str = "id, name, role, subject, sha256, certificate, created_at, created_by, expires_at, revoked_at, \
     last_used_at";

fn token(row: &Row<'_>) -> rusqlite::Result<Result<Token, String>> {
    let (role, subject): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let (role, subject) = match standing(&role, subject.as_deref()) {
        Ok(read) => read,
        Err(fault) => return Ok(Err(fault)),
    };
    let instant = |at: Option<i64>| at.map(Instant::from_unix);
    Ok(Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        role,
        subject,
        sha256: row.get(4)?,
        certificate: row.get(5)?,
        created_at: Instant::from_unix(row.get(6)?),
        created_by: row.get(7)?,
        expires_at: Instant::from_unix(row.get(8)?),
        revoked_at: instant(row.get(9)?),
        last_used_at: instant(row.get(10)?),
    }))
}

/// All tokens, oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<Token>, Fault> {
    let select = format!("SELECT {COLUMNS} FROM token ORDER BY created_at, id");
    let mut statement = connection.prepare_cached(&select)?;
    let mut tokens = Vec::new();
    for read in statement.query_map([], token)? {
        let read = read?.map_err(|fault| Fault::Row(format!("table token: {fault}")))?;
        tokens.push(read);
    }
    Ok(tokens)
}

/// Refuses a name that another role, another unit or a person has.
pub(super) fn check_free(
    connection: &Connection,
    name: &str,
    role: Role,
    subject: Option<&Uscc>,
) -> Result<(), Refusal> {
    let select = "SELECT role, subject FROM token WHERE name = ?1 UNION ALL \
         SELECT role, subject FROM person WHERE name = ?1 LIMIT 1";
    let found = connection.query_row(select, [name], |row| Ok((row.get(0)?, row.get(1)?)));
    let found: Option<(String, Option<String>)> = found.optional()?;
    let own = (role.key(), subject.map(Uscc::as_str));
    if let Some((role, subject)) = found
        && (role.as_str(), subject.as_deref()) != own
    {
        let of = subject.map_or_else(String::new, |subject| format!(" of {subject}"));
        return Err(Refusal::Said(format!(
            "name: {name:?} has the role {role}{of} already, and a name has one; give another name"
        )));
    }
    Ok(())
}

fn check(new: &NewToken, now: Instant) -> Result<(), Refusal> {
    let said = |said: String| Err(Refusal::Said(said));
    check_name(&new.name).map_err(|fault| Refusal::Said(format!("name: {fault}")))?;
    if let Some(certificate) = &new.certificate {
        check_name(certificate).map_err(|fault| Refusal::Said(format!("certificate: {fault}")))?;
    }
    match (new.role, new.subject) {
        (Role::Enterprise, None) => {
            return said("subject: an enterprise's token needs its code".to_owned());
        }
        (Role::Enterprise, Some(_)) | (_, None) => {}
        (role, Some(_)) => {
            let role = role.key();
            return said(format!("subject: {role} has none; only an enterprise has"));
        }
    }
    if new.expires_at <= now {
        return said("expires: a time ahead is expected".to_owned());
    }
    Ok(())
}

impl Access {
    /// Makes a token; its text, which is kept nowhere, and how it is listed. One by certificate has no text.
    ///
    /// # Errors
    /// A name that has another role, or those of the file.
    pub fn add_token(
        &self,
        new: NewToken,
        now: Instant,
        act: impl FnOnce(&str, &str) -> Act,
    ) -> Result<(Option<String>, Token), AccessFault> {
        let id = hex(&random::<ID_BYTES>()?);
        let secret = URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?);
        let text = format!("{PREFIX}{id}_{secret}");
        let own = new.certificate.is_none();
        let sha256 = own.then(|| digest(&text));
        let made = self.change(|connection| {
            check(&new, now)?;
            check_free(connection, &new.name, new.role, new.subject.as_ref())?;
            let stand = "SELECT count(*) FROM token WHERE revoked_at IS NULL AND expires_at > ?1";
            let stand: i64 = connection.query_row(stand, [now.unix()], |row| row.get(0))?;
            if stand >= TOKENS_MAX {
                let most = format!("at most {TOKENS_MAX} tokens stand at once; revoke some");
                return Err(Refusal::Said(most));
            }
            let act = act(&id, &new.name);
            let insert = "INSERT INTO token (id, name, role, subject, sha256, certificate, created_at, created_by, \
                 expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (certificate) DO NOTHING";
            let inserted = connection.execute(
                insert,
                params![
                    id,
                    new.name,
                    new.role.key(),
                    new.subject.as_ref().map(Uscc::as_str),
                    sha256,
                    new.certificate,
                    now.unix(),
                    act.who,
                    new.expires_at.unix(),
                ],
            )?;
            if inserted == 0 {
                let taken = "certificate: that name has a token already; revoke it first";
                return Err(Refusal::Said(taken.to_owned()));
            }
            let token = Token {
                id: id.clone(),
                name: new.name.clone(),
                role: new.role,
                subject: new.subject,
                certificate: new.certificate.clone(),
                created_at: now,
                created_by: act.who.clone(),
                expires_at: new.expires_at,
                revoked_at: None,
                last_used_at: None,
                sha256,
            };
            Ok((token, vec![act]))
        })?;
        Ok((own.then_some(text), made))
    }

    /// Takes a token back, for ever; whether it stood.
    ///
    /// # Errors
    /// When there is none of that identifier, or those of the file.
    pub fn revoke_token(&self, id: &str, now: Instant, act: Act) -> Result<bool, AccessFault> {
        self.change(|connection| {
            let find = "SELECT revoked_at FROM token WHERE id = ?1";
            let found = connection.query_row(find, [id], |row| row.get(0)).optional()?;
            let revoked: Option<i64> = found.ok_or_else(|| {
                let id: String = id.chars().take(40).collect();
                Refusal::Said(format!("no token {id}; `skytier tokens list` shows them"))
            })?;
            if revoked.is_some() {
                return Ok((false, Vec::new()));
            }
            let update = "UPDATE token SET revoked_at = ?2, revoked_by = ?3, certificate = NULL WHERE id = ?1";
            connection.execute(update, params![id, now.unix(), act.who])?;
            Ok((true, vec![act]))
        })
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// Those of the file.
    pub fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.read(all)
    }

    /// Who shows a token.
    ///
    /// # Errors
    /// Why it is worth nothing.
    pub fn by_token(
        &self,
        shown: &str,
        now: Instant,
        request_id: &str,
    ) -> Result<Caller, Worthless> {
        let snapshot = self.now();
        let rest = shown.strip_prefix(PREFIX).unwrap_or("");
        let id = rest.split_once('_').map_or("", |(id, _)| id);
        let found = snapshot.tokens.get(id);
        // As much work for a token that is not there.
        let kept = found.and_then(|token| token.sha256).unwrap_or([0; 32]);
        let same = bool::from(digest(shown).ct_eq(&kept));
        let token = found.filter(|_| same).ok_or(Worthless::Unknown)?;
        self.caller_of(token, now, Via::Token(token.id.clone()), request_id)
    }

    /// Who has a client certificate that was checked.
    ///
    /// # Errors
    /// Why it is worth nothing.
    pub fn by_certificate(
        &self,
        name: &str,
        now: Instant,
        request_id: &str,
    ) -> Result<Caller, Worthless> {
        let snapshot = self.now();
        let own = |token: &&Token| token.certificate.as_deref() == Some(name);
        let token = snapshot.tokens.values().find(own);
        let token = token.ok_or(Worthless::Unknown)?;
        self.caller_of(token, now, Via::Certificate(name.to_owned()), request_id)
    }

    fn caller_of(
        &self,
        token: &Token,
        now: Instant,
        via: Via,
        request_id: &str,
    ) -> Result<Caller, Worthless> {
        match token.state(now) {
            "valid" => {}
            "expired" => return Err(Worthless::Expired),
            _ => return Err(Worthless::Revoked),
        }
        locked(&self.used).insert(token.id.clone(), now.unix());
        let snapshot = self.now();
        Ok(Caller {
            name: Some(token.name.clone()),
            role: token.role,
            subject: token.subject,
            mandates: snapshot
                .mandates
                .get(&token.name)
                .cloned()
                .unwrap_or_default(),
            via,
            request_id: request_id.to_owned(),
        })
    }

    /// Writes down when tokens were shown last.
    ///
    /// # Errors
    /// Those of the file; nothing is lost then.
    pub fn keep_uses(&self) -> Result<(), AccessFault> {
        let used = locked(&self.used).clone();
        if used.is_empty() {
            return Ok(());
        }
        self.note(|connection| {
            let update = "UPDATE token SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at, 0) + ?3 <= ?2";
            for (id, at) in &used {
                connection.execute(update, params![id, at, USED_STEP_S])?;
            }
            Ok(((), Vec::new()))
        })?;
        locked(&self.used).retain(|id, at| used.get(id) != Some(at));
        Ok(())
    }
}
