//! All units' public tiers on one day, for a nightly copy at a bank: a file of rows, signed as a whole.
//!
//! As JSON Lines: a head with the format's number, day and rulebook; a line a unit, in the order of codes; and a last line with the
//! count and the receipt. As Parquet the same rows in typed columns, head and receipt beside them in the footer. The receipt signs
//! the root of a tree over the lines, and a row of the Parquet file is such a line, so one receipt is good for both, and a
//! file that was cut short or changed proves nothing.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::Write;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::hex;
use crate::adapters::export::Column;
use crate::adapters::export::ExportFault;
use crate::adapters::export::Form;
use crate::adapters::export::Kind;
use crate::adapters::export::Sheet;
use crate::adapters::receipt;
use crate::adapters::receipt::Keys;
use crate::adapters::receipt::ReceiptFault;
use crate::adapters::receipt::key::PublicKey;
use crate::adapters::receipt::merkle::Leaf;
use crate::adapters::receipt::merkle::Tree;
use crate::domain::credit::Tier;
use crate::domain::credit::official;
use crate::domain::credit::prepared::Seen;
use crate::domain::credit::sites::sites;
use crate::domain::credit::sites::worst;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Registry;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::TieringError;
use crate::flow::tiering::View;

/// The format of such a file.
const FORMAT: u32 = 1;
/// What the first line begins with.
pub const LINES_BEGIN: &str = "{\"skytier_snapshot\":";
/// What a Parquet file begins with.
pub const PARQUET_BEGIN: &[u8] = b"PAR1";
/// Names under which head and receipt stand in a Parquet file.
const HEAD: &str = "skytier.snapshot";
const RECEIPT: &str = "skytier.receipt";
/// What a receipt is of.
const WHAT: &str = "snapshot";
/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 16;

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// The columns, which are the keys of a line too.
pub const COLUMNS: [Column; 18] = [
    column("subject", Kind::Text),
    column("name_zh", Kind::Text),
    column("official_tier", Kind::Text),
    column("official_as_of", Kind::Date),
    column("official_source", Kind::Text),
    column("official_captured_at", Kind::Text),
    column("official_worst_of_sites", Kind::Text),
    column("computed_score", Kind::Whole),
    column("computed_tier", Kind::Text),
    column("computed_confidence", Kind::Text),
    column("next_change", Kind::Date),
    column("next_score", Kind::Whole),
    column("next_tier", Kind::Text),
    column("tariff_tier", Kind::Text),
    column("tariff_snapshot", Kind::Date),
    column("tariff_from", Kind::Date),
    column("tariff_to", Kind::Date),
    column("tariff_red_repeated", Kind::Text),
];

/// Why a snapshot could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The ledger.
    #[error(transparent)]
    Tiering(#[from] TieringError),
    /// The file.
    #[error(transparent)]
    Export(#[from] ExportFault),
    /// Writing.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A code that is registered and is none.
    #[error("{0}")]
    Code(String),
    /// Whoever keeps the receipt.
    #[error("{0}")]
    Sealing(String),
}

/// What a snapshot is made from.
pub struct Snapshot<'a> {
    /// Ratings.
    pub tiering: &'a Tiering,
    /// The ledger, and as of when it is known.
    pub view: &'a View,
    /// Names.
    pub registry: &'a Registry,
    /// The day, to its end.
    pub on: NaiveDate,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// JSON Lines.
    Lines,
    /// Parquet.
    Parquet,
}

impl Shape {
    /// From the end of a file's name.
    #[must_use]
    pub fn of(end: &str) -> Option<Shape> {
        match end {
            "jsonl" => Some(Shape::Lines),
            "parquet" => Some(Shape::Parquet),
            _ => None,
        }
    }
}

/// A file on its way.
enum File<W: Write + Send> {
    Lines(W),
    Sheet(Sheet<W>),
}

impl Snapshot<'_> {
    /// Writes every unit's row and the receipt, which is handed to `sealed` with the count of rows before the file is whole.
    ///
    /// # Errors
    /// Those of ledger and file, or what `sealed` says.
    pub fn write<W: Write + Send>(
        &self,
        keys: &Keys,
        shape: Shape,
        mut out: W,
        sealed: impl FnOnce(&str, usize) -> Result<(), SnapshotFault>,
    ) -> Result<usize, SnapshotFault> {
        let schedule = self.tiering.schedule()?;
        let head = self.head(&schedule);
        let mut file = match shape {
            Shape::Lines => {
                writeln!(out, "{head}")?;
                File::Lines(out)
            }
            Shape::Parquet => File::Sheet(Sheet::begin(Form::Parquet, &COLUMNS, out)?),
        };
        let mut leaves = Vec::new();
        for subject in self.units()? {
            let cells = self.cells(&schedule, &subject)?;
            let line = line(&cells);
            leaves.push(Leaf::of(&line));
            match &mut file {
                File::Lines(out) => writeln!(out, "{line}")?,
                File::Sheet(sheet) => sheet.row(&cells)?,
            }
        }
        let receipt = self.sign(keys, &head, &leaves);
        sealed(&receipt, leaves.len())?;
        match file {
            File::Lines(mut out) => {
                writeln!(
                    out,
                    "{}",
                    json!({"items": leaves.len(), "receipt": receipt})
                )?;
                out.flush()?;
            }
            File::Sheet(mut sheet) => {
                sheet.remark(HEAD, head.to_string());
                sheet.remark(RECEIPT, receipt);
                sheet.finish()?;
            }
        }
        Ok(leaves.len())
    }

    fn head(&self, schedule: &Schedule<'_>) -> Value {
        let rulebook = schedule.on(self.on);
        json!({
            "skytier_snapshot": FORMAT,
            "on": self.on.to_string(),
            "known_at": instant_text(self.view.known_at),
            "rulebook": rulebook.id(),
            "rulebook_sha256": rulebook.sha256(),
        })
    }

    /// A unit as banks may see it, whoever fetches the file: it is made to be handed on.
    fn seen(&self, subject: &Uscc) -> Result<Seen<'_>, SnapshotFault> {
        let (book, known_at) = (&self.view.book, self.view.known_at);
        Ok(self.tiering.seen(book, subject, known_at, false)?)
    }

    /// Every unit of registry and ledger, in the order of codes; of those that nobody registered the ones that may be known.
    fn units(&self) -> Result<BTreeSet<Uscc>, SnapshotFault> {
        let ledger = self.view.book.ledger();
        let mut units = BTreeSet::new();
        for (subject, _) in ledger.subjects() {
            if !self.seen(subject)?.unit().events.is_empty() {
                units.insert(*subject);
            }
        }
        for enterprise in &self.registry.enterprises {
            let code = Uscc::new(&enterprise.uscc);
            units.insert(code.map_err(|fault| SnapshotFault::Code(fault.to_string()))?);
        }
        Ok(units)
    }

    fn cells(&self, schedule: &Schedule<'_>, subject: &Uscc) -> Result<Vec<String>, SnapshotFault> {
        let known_at: Option<DateTime<FixedOffset>> = Some(self.view.known_at);
        let seen = self.seen(subject)?;
        let unit = seen.unit();
        let brief = unit.brief(schedule, self.on, known_at);
        let brief = brief.map_err(|error| TieringError::Entries(error.to_string()))?;
        let official = official::current(unit.events, self.on, known_at);
        let official = official.as_ref();
        let worst = worst(&sites(unit.events, self.on, known_at)).map(Tier::as_str);
        let tariff = self.tiering.tariff_as_seen(unit, self.on, known_at)?;
        // What a snapshot day still to come will show is no fact to sign.
        let tariff = (!tariff.is_forecast(self.view.known_at)).then_some(tariff);
        let tariff = tariff.as_ref();
        let name = self.registry.enterprise(subject.as_str());
        let next = brief.next_change;
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        let red = tariff.map(|tariff| if tariff.red_repeated { "yes" } else { "no" });
        Ok(vec![
            subject.as_str().to_owned(),
            name.map(|name| name.names.zh.clone()).unwrap_or_default(),
            word(official.map(|official| official.tier.as_str())),
            day(official.map(|official| official.as_of)),
            word(official.map(|official| official.source.as_str())),
            official
                .map(|official| instant_text(official.captured_at))
                .unwrap_or_default(),
            word(worst),
            brief.now.score.to_string(),
            brief.now.tier.as_str().to_owned(),
            brief.now.confidence.as_str().to_owned(),
            day(next.map(|next| next.date)),
            next.map(|next| next.score.to_string()).unwrap_or_default(),
            word(next.map(|next| next.tier.as_str())),
            word(tariff.map(|tariff| tariff.stood.tier.as_str())),
            day(tariff.map(|tariff| tariff.snapshot)),
            day(tariff.map(|tariff| tariff.from)),
            day(tariff.map(|tariff| tariff.to)),
            word(red),
        ])
    }

    fn sign(&self, keys: &Keys, head: &Value, leaves: &[Leaf]) -> String {
        let (seq, hash) = self.view.book.head();
        keys.sign(&json!({
            "what": WHAT,
            "items": leaves.len(),
            "root": Tree::over(leaves).root(),
            "on": head["on"],
            "known_at": head["known_at"],
            "asked_at": instant_text(self.view.asked_at),
            "rulebook": head["rulebook"],
            "rulebook_sha256": head["rulebook_sha256"],
            "ledger": [seq, hex(&hash)],
        }))
    }
}

/// The one way to write a row: an object with every column, null where a cell is empty.
fn line(cells: &[String]) -> String {
    let value = |kind: Kind, cell: &String| match kind {
        _ if cell.is_empty() => Value::Null,
        Kind::Whole => cell
            .parse::<i32>()
            .map_or_else(|_| cell.clone().into(), Value::from),
        _ => cell.clone().into(),
    };
    let fields = COLUMNS.iter().zip(cells);
    let fields = fields.map(|(column, cell)| (column.name.to_owned(), value(column.kind, cell)));
    Value::Object(fields.collect::<Map<_, _>>()).to_string()
}

/// Checks a file of JSON Lines; the payload of its receipt.
///
/// # Errors
/// What makes it no proof.
pub fn verify_lines(mut from: impl BufRead, keys: &[PublicKey]) -> Result<Value, ReceiptFault> {
    let mut next = || -> Result<Option<String>, ReceiptFault> {
        let mut line = String::new();
        let mut limited = std::io::Read::take(&mut from, LINE_BYTES_MAX);
        let read = limited.read_line(&mut line);
        let read = read.map_err(|_| ReceiptFault::Form("it cannot be read, or is not UTF-8"))?;
        if read > 0 && !line.ends_with('\n') {
            return Err(ReceiptFault::Form("a line is too long or has no end"));
        }
        line.pop();
        Ok((read > 0).then_some(line))
    };
    let head = next()?.ok_or(ReceiptFault::Form("it is empty"))?;
    let mut leaves = Vec::new();
    let mut last = None;
    while let Some(line) = next()? {
        if let Some(row) = last.replace(line) {
            leaves.push(Leaf::of(&row));
        }
    }
    let end = last.ok_or(ReceiptFault::Form(
        "the last line, with the receipt, is missing",
    ))?;
    let end = receipt::read(&end)?;
    let receipt = end["receipt"]
        .as_str()
        .filter(|_| end["items"] == leaves.len());
    let receipt = receipt.filter(|_| end.as_object().is_some_and(|fields| fields.len() == 2));
    let missing =
        ReceiptFault::Form("the last line, with count and receipt, is missing or was changed");
    checked(&head, receipt.ok_or(missing)?, &leaves, keys)
}

/// Checks a Parquet file; the payload of its receipt.
///
/// # Errors
/// What makes it no proof.
pub fn verify_parquet(file: std::fs::File, keys: &[PublicKey]) -> Result<Value, ReceiptFault> {
    let reading = move || {
        let mut leaves = Vec::new();
        let read = crate::adapters::export::read_parquet(file, &COLUMNS, |cells| {
            leaves.push(Leaf::of(&line(cells)));
        });
        read.map(|remarks| (remarks, leaves))
    };
    // The library panics on some damaged bytes; in a thread of its own that ends the thread alone.
    let read = std::thread::spawn(reading).join();
    let damaged = |_| ReceiptFault::Answer("it is damaged and cannot be read".to_owned());
    let read = read.map_err(damaged)?;
    let (remarks, leaves) = read.map_err(|fault| ReceiptFault::Answer(fault.to_string()))?;
    let remark = |name: &str| remarks.iter().find(|(known, _)| known == name);
    match (remark(HEAD), remark(RECEIPT)) {
        (Some((_, head)), Some((_, receipt))) => checked(head, receipt, &leaves, keys),
        _ => Err(ReceiptFault::Form("the file carries no receipt")),
    }
}

/// Compares what a file holds with what its receipt signs.
fn checked(
    head: &str,
    receipt: &str,
    leaves: &[Leaf],
    keys: &[PublicKey],
) -> Result<Value, ReceiptFault> {
    let payload = receipt::verify(receipt, keys)?;
    let head = receipt::read(head)?;
    let other = |said: &str| Err(ReceiptFault::Answer(said.to_owned()));
    if payload["what"] != WHAT {
        return other("it is the receipt of something else");
    }
    let signed = ["on", "known_at", "rulebook", "rulebook_sha256"];
    let own = head
        .as_object()
        .is_some_and(|fields| fields.len() == signed.len() + 1);
    if !own
        || head["skytier_snapshot"] != FORMAT
        || signed.iter().any(|name| head[name] != payload[name])
    {
        return other("the first line was changed");
    }
    if payload["items"] != leaves.len() {
        return other("rows were added or taken away");
    }
    if payload["root"] != Tree::over(leaves).root() {
        return other("a row was changed or moved");
    }
    Ok(payload)
}
