//! HTTP/1.1 as far as the stub needs it.

use std::io::Read as _;
use std::net::TcpStream;

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    /// Request line and headers as received.
    pub(super) head: String,
    /// The body.
    pub(super) body: String,
}

impl Request {
    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The path without its parameters.
    pub(super) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// A parameter of the address.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let parameters = self.target().split_once('?')?.1.split('&');
        let mut pairs = parameters.filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decoded(value))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// The next request of a connection; `None` at its end. `buffer` keeps what was read beyond.
pub(super) fn read(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let mut chunk = [0; 65_536];
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        match connection.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        }
    };
    let head = String::from_utf8(buffer[..end - 4].to_vec()).expect("a head of text");
    let mut request = Request {
        head,
        body: String::new(),
    };
    let length = request.header("content-length");
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    while buffer.len() < end + length {
        match connection.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        }
    }
    request.body = String::from_utf8(buffer[end..end + length].to_vec()).expect("a body of text");
    buffer.drain(..end + length);
    Some(request)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        other => panic!("status {other} has no name here"),
    }
}

/// An error as InfluxDB writes it.
pub(super) fn json_answer(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = serde_json::json!({"code": code, "message": message}).to_string();
    let (reason, length) = (reason(status), body.len());
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=utf-8\r\nX-Platform-Error-Code: {code}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// An answer of something else.
pub(super) fn plain_answer(status: u16, body: &str) -> Vec<u8> {
    let (reason, length) = (reason(status), body.len());
    format!("HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Annotated CSV in chunks.
pub(super) fn csv_answer(csv: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nVary: Accept-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for chunk in csv.as_bytes().chunks(32_768) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
