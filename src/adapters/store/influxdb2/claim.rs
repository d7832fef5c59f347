//! Whose bucket it is: one data directory at a time writes it, and says so in the bucket itself.
//!
//! What counts at a time is compared before it is written, which two writers cannot do at once. A directory's claim is
//! the line `skytier,writer=ID held=1i 0`, where ID is drawn once and kept in the directory, so that the claim goes with
//! the directory wherever it is moved. Two that claim at the same moment both see it and both withdraw.

use std::hash::BuildHasher as _;
use std::hash::RandomState;

use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::client::FieldRead;
use crate::adapters::store::influxdb2::flux::quoted;

/// The mark that keeps a directory's own name for itself.
pub(super) const MARK: &str = "influxdb2 writer";

/// A name for a directory that no other one has.
pub(super) fn draw() -> String {
    let random = || RandomState::new().hash_one(MARK);
    format!("{:016x}{:016x}", random(), random())
}

/// Those that hold the bucket.
///
/// # Errors
/// A [`Failure`] of the query.
pub(super) async fn holders(client: &Client, bucket: &str) -> Result<Vec<String>, Failure> {
    let flux = format!(
        "from(bucket: {})\n    |> range(start: 1970-01-01T00:00:00+00:00, stop: 1970-01-01T00:00:01+00:00)\n    |> \
         filter(fn: (r) => r._measurement == \"skytier\" and r._field == \"held\")\n    |> keep(columns: [\"_time\", \
         \"_value\", \"_field\", \"writer\"])",
        quoted(bucket)
    );
    let rows = client.query(flux).await?.into_iter();
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
