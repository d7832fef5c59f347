//! What is asked of a server before anything relies on it: is it there, is it an InfluxDB 2, does it let us in, has
//! it the bucket, does it keep what is old, does its clock agree. Each fault is told with its remedy.

use reqwest011::StatusCode;

use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::client::FieldRead;
use crate::adapters::store::influxdb2::client::causes;
use crate::adapters::store::influxdb2::client::plain;
use crate::adapters::store::influxdb2::flux::quoted;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::domain::calendar::Instant;

/// The format this program writes and reads, kept in the bucket itself.
const FORMAT: i64 = 1;
/// Seconds the server's clock may differ from ours before it is told.
const CLOCK_OFFSET_S_MAX: i64 = 5;

/// Asks the server who it is; gives what is odd but no hindrance.
///
/// # Errors
/// What must be mended first.
pub(super) async fn check(
    settings: &InfluxSettings,
    client: &Client,
    now: Instant,
) -> Result<Option<String>, Failure> {
    let odd = greet(settings, now).await?;
    format(settings, client).await?;
    Ok(odd)
}

async fn greet(settings: &InfluxSettings, now: Instant) -> Result<Option<String>, Failure> {
    let http = plain(settings).map_err(Failure::Settings)?;
    let http = http.timeout(settings.write_timeout).build();
    let http = http.map_err(|fault| Failure::Settings(fault.to_string()))?;
    let address = format!("{}/ping", settings.url.trim_end_matches('/'));
    let answer = http.get(address).send().await.map_err(|fault| {
        Failure::Passing(format!(
            "{}; start the InfluxDB, or mend {}.url",
            causes(&fault),
            settings.section
        ))
    })?;
    let header = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
    let version = header("x-influxdb-version").unwrap_or_default();
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        let what = format!(
            "/ping answers {status}; what answers there is not an InfluxDB 2: mend {}.url",
            settings.section
        );
        return Err(match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => Failure::Passing(what),
            status if status.is_server_error() => Failure::Passing(what),
            _ => Failure::Settings(what),
        });
    }
    if !version.trim_start_matches('v').starts_with("2.") {
        return Err(Failure::Settings(format!(
            "it says that it is version {version:?}; the store needs InfluxDB 2, which answers Flux"
        )));
    }
    let theirs = header("date").and_then(|date| chrono::DateTime::parse_from_rfc2822(&date).ok());
    let offset = theirs.map_or(0, |theirs| theirs.timestamp() - now.unix());
    let tell = |offset: i64| {
        let way = if offset > 0 { "ahead of" } else { "behind" };
        format!(
            "the clock of {} is {} s {way} ours; set both by NTP (chrony or systemd-timesyncd), or times of receipt and \
             its own logs will not agree",
            settings.url,
            offset.abs()
        )
    };
    Ok((offset.abs() > CLOCK_OFFSET_S_MAX).then(|| tell(offset)))
}

/// Reads the bucket's format, and writes it: that tells whether both are allowed, and whether old points are kept.
async fn format(settings: &InfluxSettings, client: &Client) -> Result<(), Failure> {
    let flux = format!(
        "from(bucket: {})\n    |> range(start: 1970-01-01T00:00:00+00:00, stop: 1970-01-01T00:00:01+00:00)\n    |> \
         filter(fn: (r) => r._measurement == \"skytier\" and r._field == \"format\")\n    |> keep(columns: [\"_time\", \
         \"_value\", \"_field\"])",
        quoted(&settings.bucket)
    );
    for row in client.query(flux).await? {
        let found = match row.value {
            Some(FieldRead::Integer(found)) => found,
            other => {
                return Err(Failure::Settings(format!(
                    "measurement skytier holds {other:?}, not a format"
                )));
            }
        };
        if found > FORMAT {
            return Err(Failure::Settings(format!(
                "the bucket's format {found} is newer than {FORMAT}; use a newer skytier"
            )));
        }
    }
    match client.write(format!("skytier format={FORMAT}i 0\n")).await {
        Err(Failure::Refused(said)) if said.contains("retention") => {
            Err(Failure::Settings(format!(
                "{said}; the bucket forgets: give it an endless retention with `influx bucket update --retention 0`"
            )))
        }
        Err(Failure::Refused(said)) => Err(Failure::Settings(said)),
        other => other,
    }
}
