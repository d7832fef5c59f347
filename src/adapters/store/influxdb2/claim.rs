//! Whose bucket it is: one data directory at a time writes it, and says so in the bucket itself.
//!
//! What counts at a time is compared before it is written, which two writers cannot do at once. A directory's claim is
//! the line `skytier,writer=ID held=1i 0`, where ID is drawn once and kept in the directory, so that the claim goes with
//! the directory wherever it is moved. Two that claim at the same moment both see it and both withdraw.
//!
//! A directory that was copied takes its claim along. So each run of a daemon says that it is the one that writes, by
//! `skytier,writer=ID run="RUN" 0`, and looks every few seconds whether it still is: the older of two stops at once and
//! says why, and acknowledges nothing more.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::client::FieldRead;
use crate::adapters::store::influxdb2::flux::quoted;

/// Seconds of receipt between two looks at which run writes.
const LOOK_S: i64 = 10;

/// The mark that keeps a directory's own name for itself.
pub(super) const MARK: &str = "influxdb2 writer";

/// A name for a directory that no other one has.
pub(super) fn draw() -> String {
    let random = || RandomState::new().hash_one(MARK);
    format!("{:016x}{:016x}", random(), random())
}

/// One run's hold on the bucket.
pub(super) struct Hold {
    run: String,
    /// The directory's own name, once the bucket was told of the run.
    own: OnceLock<String>,
    looked_at: AtomicI64,
    lost: AtomicBool,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            run: draw(),
            own: OnceLock::new(),
            looked_at: AtomicI64::new(i64::MIN),
            lost: AtomicBool::new(false),
        }
    }
}

impl Hold {
    /// Says that this run writes for a directory from now on. Only once: what another run took is not taken back.
    ///
    /// # Errors
    /// A [`Failure`] of the request, which may be tried again.
    pub(super) async fn begin(&self, client: &Client, own: &str) -> Result<(), Failure> {
        if self.own.get().is_some() {
            return Ok(());
        }
        let run = &self.run;
        let line = format!("skytier,writer={own} run=\"{run}\" 0\n");
        client.write(line).await?;
        self.own.get_or_init(|| own.to_owned());
        Ok(())
    }

    /// Whether no other run has said so since. Looks at most every [`LOOK_S`] seconds of receipt.
    ///
    /// # Errors
    /// A [`Failure`] of the query.
    pub(super) async fn stands(
        &self,
        client: &Client,
        bucket: &str,
        received_at: i64,
    ) -> Result<bool, Failure> {
        if self.lost.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let Some(own) = self.own.get() else {
            return Ok(true);
        };
        let before = self.looked_at.load(Ordering::Relaxed);
        if before != i64::MIN && received_at.saturating_sub(before) < LOOK_S {
            return Ok(true);
        }
        let rows = client.query(asked(bucket, "run")).await?.into_iter();
        let other = rows.filter(|row| row.writer == *own);
        let other = other.filter_map(|row| row.value);
        let lost = other
            .into_iter()
            .any(|value| value != FieldRead::Text(self.run.clone()));
        self.lost.store(lost, Ordering::Relaxed);
        self.looked_at.store(received_at, Ordering::Relaxed);
        Ok(!lost)
    }
}

/// What is asked of the lines about writers.
fn asked(bucket: &str, field: &str) -> String {
    format!(
        "from(bucket: {})\n    |> range(start: 1970-01-01T00:00:00+00:00, stop: 1970-01-01T00:00:01+00:00)\n    |> \
         filter(fn: (r) => r._measurement == \"skytier\" and r._field == \"{field}\")\n    |> keep(columns: [\"_time\", \
         \"_value\", \"_field\", \"writer\"])",
        quoted(bucket)
    )
}

/// Those that hold the bucket.
///
/// # Errors
/// A [`Failure`] of the query.
pub(super) async fn holders(client: &Client, bucket: &str) -> Result<Vec<String>, Failure> {
    let rows = client.query(asked(bucket, "held")).await?.into_iter();
    let held = rows.filter(|row| row.value == Some(FieldRead::Integer(1)));
    Ok(held.map(|row| row.writer).collect())
}

/// Takes the bucket for a directory, or says why that cannot be: who holds it.
///
/// # Errors
/// A [`Failure`] of a request; the claim may stand nevertheless, and is the same when it is made again.
pub(super) async fn claim(
    client: &Client,
    bucket: &str,
    own: &str,
) -> Result<Result<(), String>, Failure> {
    let other = |holders: &[String]| holders.iter().find(|one| *one != own).cloned();
    let before = holders(client, bucket).await?;
    if let Some(holder) = other(&before) {
        return Ok(Err(holder));
    }
    if !before.is_empty() {
        return Ok(Ok(()));
    }
    client.write(line(own, true)).await?;
    let Some(holder) = other(&holders(client, bucket).await?) else {
        return Ok(Ok(()));
    };
    client.write(line(own, false)).await?;
    Ok(Err(holder))
}

fn line(writer: &str, held: bool) -> String {
    format!("skytier,writer={writer} held={}i 0\n", u8::from(held))
}

/// What helps when another one holds the bucket.
pub(super) fn told(bucket: &str, org: &str, holder: &str) -> String {
    format!(
        "the bucket is written by another skytier ({holder}); give each a bucket of its own. If that one's data \
         directory is gone for good, release the bucket: influx write --org {org} --bucket {bucket} --precision s \
         'skytier,writer={holder} held=0i 0'"
    )
}

/// What helps when a copy of the directory writes the bucket.
pub(super) const COPIED: &str = "a copy of this data directory has begun to write the bucket since; stop one of the two. The one to go on \
                                 is started again; the other needs a bucket of its own and an empty data directory";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_can_be_tags() {
        let (one, other) = (draw(), draw());
        assert_ne!(one, other);
        assert!(
            one.len() == 32 && one.chars().all(|c| c.is_ascii_hexdigit()),
            "{one}"
        );
    }
}
