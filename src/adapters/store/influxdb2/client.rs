//! The only place that knows the client crate: bodies out, rows in, every failure told by what to do about it.
//!
//! Of the crate, prepared bodies and the row iterator alone are used; everything else of it panics, loses data or
//! waits for ever on answers that servers do give. Its row iterator still panics on a null, so it runs in a task
//! of its own, and rows are used only after it came to its end: a query can fail after good rows.

use influxdb2::Client as Influxdb2;
use influxdb2::ClientBuilder;
use influxdb2::RequestError;
use influxdb2::api::query::FluxRecord;
use influxdb2::api::write::TimestampPrecision;
use influxdb2::models::Query;
use influxdb2_structmap::value::Value;
use reqwest011::StatusCode;

use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::adapters::unreached::root;

/// Characters of a server's message that are kept. One was seen to send 384 kB.
const MESSAGE_CHARS_MAX: usize = 400;

/// Why a request was of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server is away or overloaded; trying again later may succeed.
    Passing(String),
    /// The settings or the rights at the server are wrong; a person must mend them.
    Settings(String),
    /// Something in this body is refused for ever.
    Refused(String),
}

impl Failure {
    /// What happened and what would help.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Passing(text) | Self::Settings(text) | Self::Refused(text) => text,
        }
    }
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldRead {
    /// A number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

/// One row of an answer: a field of a line. Columns that the query does not keep are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) time: i64,
    pub(super) field: String,
    pub(super) value: Option<FieldRead>,
    pub(super) source: String,
    pub(super) interval_s: String,
    pub(super) number: String,
    pub(super) writer: String,
}

/// Speaks to one bucket.
pub(super) struct Client {
    writes: Influxdb2,
    queries: Influxdb2,
    org: String,
    bucket: String,
    section: &'static str,
}

impl Client {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub(super) fn new(settings: &InfluxSettings) -> Result<Self, String> {
        settings.check_url()?;
        let build = |timeout| {
            let http = plain(settings)?.timeout(timeout);
            let (org, token) = (settings.org.as_str(), settings.token.reveal());
            let built =
                ClientBuilder::with_builder(http, settings.url.as_str(), org, token).build();
            built.map_err(|fault| fault.to_string())
        };
        Ok(Self {
            writes: build(settings.write_timeout)?,
            queries: build(settings.query_timeout)?,
            org: settings.org.clone(),
            bucket: settings.bucket.clone(),
            section: settings.section,
        })
    }

    /// Writes lines whose times are in seconds; when it returns they are on the server's disk.
    ///
    /// # Errors
    /// A [`Failure`]; after a passing one nobody knows what was written, and the same may be sent again.
    pub(super) async fn write(&self, body: String) -> Result<(), Failure> {
        let precision = TimestampPrecision::Seconds;
        let sent = self.writes.write_line_protocol_with_precision(
            &self.org,
            &self.bucket,
            body,
            precision,
        );
        sent.await
            .map_err(|error| failure(error, (self.section, false)))
    }

    /// All rows of an answer, none before its end was seen.
    ///
    /// # Errors
    /// A [`Failure`]; an answer that cannot be read is a passing one.
    pub(super) async fn query(&self, flux: String) -> Result<Vec<Row>, Failure> {
        let (client, asked) = (self.queries.clone(), (self.section, true));
        let task = tokio::spawn(async move {
            let answer = client.query_raw_iter(Some(Query::new(flux))).await;
            let answer = answer.map_err(|error| failure(error, asked))?;
            rows(&answer, asked)
        });
        let ended = task.await;
        ended.unwrap_or_else(|_| {
            let what = "the answer to a query cannot be read: a column is empty or not of its type";
            Err(Failure::Passing(what.to_owned()))
        })
    }
}

/// A client without surprises: no proxy of the environment, no redirects, no connection kept longer than servers do.
///
/// # Errors
/// A file of certificates that cannot be used.
pub(super) fn plain(settings: &InfluxSettings) -> Result<reqwest011::ClientBuilder, String> {
    let builder = reqwest011::Client::builder()
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(std::time::Duration::from_secs(90))
        .redirect(reqwest011::redirect::Policy::none())
        .no_proxy();
    match &settings.ca_file {
        None => Ok(builder),
        Some(path) => {
            let trusted = trusting(builder, path);
            trusted.map_err(|cause| format!("ca_file {}: {cause}", path.display()))
        }
    }
}

/// Lets the authorities of a file alone vouch for the server.
#[cfg(feature = "native-tls")]
fn trusting(
    builder: reqwest011::ClientBuilder,
    path: &std::path::Path,
) -> Result<reqwest011::ClientBuilder, String> {
    let pem = std::fs::read_to_string(path).map_err(|cause| cause.to_string())?;
    let mut builder = builder.tls_built_in_root_certs(false);
    let mut found = 0;
    for part in pem.split_inclusive("-----END CERTIFICATE-----") {
        if !part.contains("-----BEGIN CERTIFICATE-----") {
            continue;
        }
        let certificate = reqwest011::Certificate::from_pem(part.trim_start().as_bytes());
        builder = builder.add_root_certificate(certificate.map_err(|cause| cause.to_string())?);
        found += 1;
    }
    if found == 0 {
        return Err("there is no certificate in PEM in it".to_owned());
    }
    Ok(builder)
}

#[cfg(not(feature = "native-tls"))]
fn trusting(
    _: reqwest011::ClientBuilder,
    _: &std::path::Path,
) -> Result<reqwest011::ClientBuilder, String> {
    Err(
        "this skytier was built without TLS; build it with `make install`, or leave it out"
            .to_owned(),
    )
}

fn rows(answer: &influxdb2::api::query::QueryTableIter, asked: Asked) -> Result<Vec<Row>, Failure> {
    let mut found = Vec::new();
    let mut records = answer.result();
    loop {
        match fallible_iterator::FallibleIterator::next(&mut records) {
            Ok(Some(record)) => found.push(row(record)),
            Ok(None) => return Ok(found),
            Err(error) => return Err(failure(error, asked)),
        }
    }
}

fn row(record: FluxRecord) -> Row {
    let mut row = Row::default();
    for (name, value) in record.values {
        match (name.as_str(), value) {
            ("_time", Value::TimeRFC(time)) => row.time = time.timestamp(),
            ("_field", Value::String(text)) => row.field = text,
            ("_value", Value::Double(number)) => row.value = Some(FieldRead::Number(number.0)),
            ("_value", Value::Long(number)) => row.value = Some(FieldRead::Integer(number)),
            ("_value", Value::String(text)) => row.value = Some(FieldRead::Text(text)),
            ("source", Value::String(text)) => row.source = text,
            ("interval_s", Value::String(text)) => row.interval_s = text,
            ("n", Value::String(text)) => row.number = text,
            ("writer", Value::String(text)) => row.writer = text,
            _ => {}
        }
    }
    row
}

/// Whose settings are to be mended, and whether it was a query.
type Asked = (&'static str, bool);

/// What to do about an error of the crate.
fn failure(error: RequestError, asked: Asked) -> Failure {
    match error {
        RequestError::Http { status, text } => answered(status, &text, asked),
        RequestError::ReqwestProcessing { source } => Failure::Passing(causes(&source)),
        RequestError::Serializing { source } => Failure::Passing(source.to_string()),
        RequestError::Deserializing { text } => {
            Failure::Passing(format!("the query failed: {}", short(&text)))
        }
    }
}

fn answered(status: StatusCode, text: &str, (section, querying): Asked) -> Failure {
    let message = message(text);
    let said = format!("{} {message}", status.as_u16());
    match status.as_u16() {
        // Overload of queries has no status of its own.
        400 if querying && message.contains("queue length exceeded") => Failure::Passing(said),
        // A query whose text is not accepted will not be later, and no bucket of that name is a matter of settings.
        400 | 405 | 413 | 422 if querying => {
            Failure::Settings(format!("{said}; is this an InfluxDB 2 that answers Flux?"))
        }
        400 | 413 | 422 => Failure::Refused(said),
        401 => Failure::Settings(format!(
            "{said}; the token is not valid there: mend {section}.token, or create one with `influx auth create`"
        )),
        403 => Failure::Settings(format!(
            "{said}; the token may not do this: give it read and write access to the bucket"
        )),
        404 if text.trim_start().starts_with('{') => Failure::Settings(format!(
            "{said}; mend {section}.bucket and {section}.org, or create the bucket with `influx bucket \
             create --retention 0`"
        )),
        404 | 405 => Failure::Settings(format!("{said}; what answers there is not an InfluxDB 2")),
        200..=299 => Failure::Passing(format!(
            "{said}: an answer that InfluxDB does not give; something between here and the server answers instead"
        )),
        429 | 500..=599 => Failure::Passing(said),
        _ => Failure::Settings(said),
    }
}

/// The message of an error body, shortened; the body itself where it is not as InfluxDB writes it.
fn message(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|body| body.get("message")?.as_str());
    short(message.unwrap_or(body))
}

fn short(text: &str) -> String {
    let mut kept: String = text.trim().chars().take(MESSAGE_CHARS_MAX).collect();
    if kept.len() < text.trim().len() {
        kept.push_str(" ...");
    }
    kept.replace(char::is_control, " ")
}

/// What kind of error it is and its first cause, without the address, which is told beside it.
pub(super) fn causes(error: &reqwest011::Error) -> String {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    format!("{what}: {}", root(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status and body as a server was seen to send them, to a write and to a query.
    fn check(status: u16, body: &str, write: &str, query: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        for (querying, expected) in [(false, write), (true, query)] {
            let failure = answered(status, body, ("mirror", querying));
            let kind = match failure {
                Failure::Passing(_) => "passing",
                Failure::Settings(_) => "settings",
                Failure::Refused(_) => "refused",
            };
            assert_eq!(kind, expected, "{status} {body}: {}", failure.text());
            let other = failure.text().contains("store.influxdb2");
            assert!(!other, "the mirror's are meant: {}", failure.text());
            assert!(failure.text().chars().count() < MESSAGE_CHARS_MAX + 300);
        }
    }

    #[test]
    fn every_answer_says_what_to_do() {
        let broken = r#"{"code":"invalid","message":"unable to parse 'broken line here': invalid field format"}"#;
        check(400, broken, "refused", "settings");
        let queue = r#"{"code":"invalid","message":"queue length exceeded"}"#;
        check(400, queue, "refused", "passing");
        let conflict = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \"v\" on measurement \"part2\" is type string, already exists as type float dropped=1"}"#;
        check(422, conflict, "refused", "settings");
        check(
            401,
            r#"{"code":"unauthorized","message":"unauthorized access"}"#,
            "settings",
            "settings",
        );
        check(
            403,
            r#"{"code":"forbidden","message":"insufficient permissions for write"}"#,
            "settings",
            "settings",
        );
        check(
            404,
            r#"{"code":"not found","message":"bucket \"nosuch\" not found"}"#,
            "settings",
            "settings",
        );
        check(404, "404 page not found", "settings", "settings");
        check(405, "", "settings", "settings");
        check(413, "", "refused", "settings");
        check(429, "", "passing", "passing");
        let full = r#"{"code":"internal error","message":"unexpected error writing points to database: engine: cache-max-memory-size exceeded: (1280180/1048576)"}"#;
        check(500, full, "passing", "passing");
        check(503, "busy", "passing", "passing");
        check(200, "OK", "passing", "passing");
        check(400, &"x".repeat(400_000), "refused", "settings");
        check(301, "", "settings", "settings");
    }
}
