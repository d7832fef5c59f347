//! `skytier receipt`: the keys receipts are signed with, and checking one without us.

use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::adapters::credit_events::views::hex;
use crate::adapters::receipt;
use crate::adapters::receipt::Keys;
use crate::adapters::receipt::ReceiptFault;
use crate::adapters::receipt::key::Algorithm;
use crate::adapters::receipt::key::PublicKey;
use crate::adapters::receipt::key::Secret;
use crate::adapters::receipt::unhex;
use crate::adapters::snapshot::LINES_BEGIN;
use crate::adapters::snapshot::PARQUET_BEGIN;
use crate::adapters::snapshot::verify_lines;
use crate::adapters::snapshot::verify_parquet;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// Folder of the keys in a data directory.
const FOLDER: &str = "receipt-keys";
/// The format of a key's file: of one that only Ed25519 was in, which older programs read, and of one that names its algorithm.
const FORMAT: u32 = 1;
const FORMAT_NAMED: u32 = 2;
/// Most keys of a directory.
const KEYS_MAX: usize = 1_000;
/// Largest answer that is checked, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Signed receipts of tier look-ups: the keys, and checking one offline.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A daemon makes its first key by itself, in receipt-keys/ of its data directory, and publishes the public ones at
GET /v1/receipts/keys. Keep a copy of that folder: a backup of the store does not hold it. --new makes a key that signs
from the daemon's next start; older keys stay, so that their receipts can still be checked. --algorithm says how a key that
is made signs: ed25519, or sm2, which is SM2 with SM3 (GB/T 32918). Left out it is as the newest key's.

FILE of verify is a receipt by itself, the whole answer of a look-up, the answer of a batch, a snapshot (.jsonl, .parquet), or
{\"item\": .., \"receipt\": ..} with one item of a batch that was asked for with \"proofs\": true.

Examples:
  skytier receipt key --data var/city
  skytier receipt key --data var/city --new
  skytier receipt key --data var/city --new --algorithm sm2
  skytier receipt verify answer.json --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
pub struct ReceiptArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Print the public keys of a data directory, oldest first; the last signs. Makes the first one.
    Key {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Make a further key.
        #[arg(long)]
        new: bool,
        /// How a key that is made signs: ed25519 or sm2.
        #[arg(long, value_name = "NAME", value_parser = algorithm)]
        algorithm: Option<Algorithm>,
    },
    /// Check a receipt or an answer that carries one; exit code 1 when it proves nothing.
    Verify {
        /// The receipt or the answer; - reads standard input.
        file: String,
        /// A public key that is trusted; repeat it for several.
        #[arg(long, value_name = "KEY", required = true)]
        key: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    created: String,
    secret: String,
}

impl KeyFile {
    fn new(secret: &Secret) -> KeyFile {
        let named = Some(secret.algorithm).filter(|one| *one != Algorithm::Ed25519);
        KeyFile {
            format: named.map_or(FORMAT, |_| FORMAT_NAMED),
            algorithm: named.map(|one| one.name().to_owned()),
            created: secret.created.clone(),
            secret: hex(&secret.bytes),
        }
    }

    /// `None` of a format that is none of ours.
    fn secret(&self) -> Option<Secret> {
        let algorithm = match (self.format, &self.algorithm) {
            (FORMAT, None) => Algorithm::Ed25519,
            (FORMAT_NAMED, Some(name)) => Algorithm::named(name)?,
            _ => return None,
        };
        Some(Secret {
            algorithm,
            bytes: unhex(&self.secret)?,
            created: self.created.clone(),
        })
    }
}

/// Reads the name of an algorithm.
///
/// # Errors
/// Which names there are.
pub fn algorithm(name: &str) -> Result<Algorithm, String> {
    let fault = || format!("{name:?} is no algorithm of receipts; write ed25519 or sm2");
    Algorithm::named(name).ok_or_else(fault)
}

/// Runs the command.
///
/// # Errors
/// A receipt that proves nothing, input that is wrong, or files that cannot be read or written.
pub fn run(args: &ReceiptArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.what {
        What::Key {
            data,
            new,
            algorithm,
        } => {
            if !data.is_dir() {
                return Err(bad_input(format!(
                    "{}: there is no such data directory",
                    data.display()
                )));
            }
            let mut keys = load(data)?;
            if *new || keys.is_none() {
                let newest = keys.map(|keys| keys.algorithm());
                make(data, algorithm.or(newest).unwrap_or_default(), now)?;
                keys = load(data)?;
            } else if algorithm.is_some() {
                return Err(bad_input(
                    "--algorithm is of a key that is made, and there is one; add --new to renew it",
                ));
            }
            let keys = keys.context("failed to read the key just made")?;
            for line in keys.listed() {
                writeln!(out, "{line}")?;
            }
            Ok(())
        }
        What::Verify { file, key } => verify(file, key, out),
    }
}

/// The keys of a data directory; makes the first one, and another when the newest does not sign as is wanted.
///
/// # Errors
/// Files that cannot be read or written.
pub fn load_or_make(data: &Path, wanted: Option<Algorithm>, now: Instant) -> anyhow::Result<Keys> {
    let keys = load(data)?;
    if let Some(keys) = keys.filter(|keys| wanted.is_none_or(|one| one == keys.algorithm())) {
        return Ok(keys);
    }
    make(data, wanted.unwrap_or_default(), now)?;
    load(data)?.context("failed to read the key just made")
}

/// A key that lives as long as the process, for a store that does too.
///
/// # Errors
/// A system without randomness.
pub fn passing(wanted: Option<Algorithm>, now: Instant) -> anyhow::Result<Keys> {
    let secret = secret(wanted.unwrap_or_default(), Zone::beijing().text(now))?;
    Keys::new(&[secret]).context("failed to use a key just made")
}

fn secret(algorithm: Algorithm, created: String) -> anyhow::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|cause| anyhow::anyhow!("no randomness: {cause}"))?;
    Ok(Secret {
        algorithm,
        bytes,
        created,
    })
}

/// How many keys a data directory has, and what is wrong with the first faulty one.
pub fn checked(data: &Path) -> (usize, Option<String>) {
    match load(data) {
        Ok(keys) => (keys.map_or(0, |keys| keys.public().len()), None),
        Err(fault) => (0, Some(format!("{fault:#}"))),
    }
}

/// The keys of a data directory, if it has any. A file bears the name of its key, so that none is taken for another.
///
/// # Errors
/// Files that cannot be read, or are none of ours.
pub(super) fn load(data: &Path) -> anyhow::Result<Option<Keys>> {
    let folder = data.join(FOLDER);
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut secrets = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(place)?;
        let file: KeyFile = serde_json::from_str(&text).with_context(place)?;
        let strange = || anyhow::anyhow!("{}: not a key of format 1 or 2", place());
        let key = file.secret().ok_or_else(strange)?;
        let own = Keys::new(std::slice::from_ref(&key)).ok_or_else(strange)?;
        let id = own.public()[0].0.id();
        if path.file_stem().is_none_or(|name| *name != *id) {
            let found = "its secret is that of key";
            let remedy = "it was damaged or renamed; take it from a copy of the folder";
            anyhow::bail!("{}: {found} {id}; {remedy}", place());
        }
        secrets.push(key);
        if secrets.len() > KEYS_MAX {
            anyhow::bail!("{}: more than {KEYS_MAX} keys", folder.display());
        }
    }
    secrets.sort_by(|a, b| (&a.created, a.bytes).cmp(&(&b.created, b.bytes)));
    Ok(Keys::new(&secrets))
}

/// Makes a key that is newer than those that are there.
fn make(data: &Path, algorithm: Algorithm, now: Instant) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let keys = load(data)?;
    let newest = keys
        .as_ref()
        .and_then(|keys| Some(keys.public().last()?.1.to_owned()));
    let mut at = now;
    while newest
        .as_ref()
        .is_some_and(|newest| Zone::beijing().text(at) <= *newest)
    {
        at = at.plus_s(1);
    }
    let secret = secret(algorithm, Zone::beijing().text(at))?;
    let key = Keys::new(std::slice::from_ref(&secret)).context("failed to use a key just made")?;
    let id = key.public()[0].0.id();
    let file = KeyFile::new(&secret);
    let path = folder.join(format!("{id}.json"));
    write_secret(&path, &serde_json::to_string(&file)?).with_context(|| path.display().to_string())
}

/// Writes a file that nobody else may read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Checks a snapshot, row by row, however large; `None` when the file is something else.
fn snapshot_in(
    file: &str,
    keys: &[PublicKey],
) -> anyhow::Result<Option<Result<Value, ReceiptFault>>> {
    let unreadable = |cause| bad_input(format!("{file}: cannot be read: {cause}"));
    if file == "-" || !Path::new(file).is_file() {
        return Ok(None);
    }
    let mut opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut begin = Vec::new();
    let mut first = Read::by_ref(&mut opened).take(LINES_BEGIN.len() as u64);
    first.read_to_end(&mut begin).map_err(unreadable)?;
    std::io::Seek::rewind(&mut opened).map_err(unreadable)?;
    if begin.starts_with(PARQUET_BEGIN) {
        return Ok(Some(verify_parquet(opened, keys)));
    }
    let lines = begin == LINES_BEGIN.as_bytes();
    Ok(lines.then(|| verify_lines(BufReader::new(opened), keys)))
}

fn verify(file: &str, keys: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let keys = keys.iter().map(|key| PublicKey::parse(key));
    let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>().map_err(bad_input)?;
    if let Some(checked) = snapshot_in(file, &keys)? {
        return told(file, checked, out);
    }
    let mut text = String::new();
    let unreadable = |cause| bad_input(format!("{file}: cannot be read: {cause}"));
    let read = if file == "-" {
        std::io::stdin()
            .take(ANSWER_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|opened| opened.take(ANSWER_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(unreadable)?;
    // Blanks, line ends and a byte-order mark around a receipt or an answer are the file's, not the receipt's.
    let whole = text.trim_start_matches('\u{feff}').trim();
    let checked = if whole.starts_with(LINES_BEGIN) {
        verify_lines(text.as_bytes(), &keys)
    } else if whole.trim_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(whole)
            .map_err(|fault| bad_input(format!("{file}: not JSON: {fault}")))?;
        receipt::verify_answer(whole, &keys)
    } else {
        receipt::verify(whole, &keys)
    };
    told(file, checked, out)
}

fn told(
    file: &str,
    checked: Result<Value, ReceiptFault>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match checked {
        Ok(payload) => Ok(writeln!(out, "{payload}")?),
        Err(fault) => Err(anyhow::Error::new(AnswerIsNo(format!("{file}: {fault}")))),
    }
}
