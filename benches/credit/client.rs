//! A client of few words: one connection kept open, one request after the other.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Client {
    pub(crate) fn open(address: &str) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(address).context("connect")?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::with_capacity(1 << 16, stream),
            address: address.to_owned(),
        })
    }

    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.ask(request.as_bytes())
    }

    pub(crate) fn timed_get(&mut self, path: &str) -> anyhow::Result<f64> {
        let begun = Instant::now();
        self.get(path)?;
        Ok(begun.elapsed().as_secs_f64())
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.ask(&[head.as_bytes(), body.as_bytes()].concat())
    }

    /// The body of the answer, which must be a good one.
    fn ask(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let good = line.starts_with("HTTP/1.1 200");
        let status = line.trim().to_owned();
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let mut body = vec![0; length.context("an answer without its length")?];
        self.stream.read_exact(&mut body)?;
        ensure!(good, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}
