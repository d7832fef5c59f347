//! Debian's nginx with a few static files.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::ensure;
use tempfile::TempDir;

/// Where Debian puts it.
const NGINX: &str = "/usr/sbin/nginx";
/// Longest wait for it to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running nginx.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) address: String,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one that serves the given bytes by name; `None` where there is no nginx.
    pub(crate) fn start(files: &[(&str, &[u8])]) -> anyhow::Result<Option<Nginx>> {
        if !fs::exists(NGINX)? {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes)?;
        }
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let root = folder.path().display();
        let settings = format!(
            "daemon off; worker_processes auto; pid {root}/pid; error_log {root}/errors;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;\n\
             client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};\n\
             uwsgi_temp_path {root}; scgi_temp_path {root};\n\
             server {{ listen {free}; root {root}; default_type application/json; }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, settings)?;
        let process = Command::new(NGINX).arg("-c").arg(&file).spawn()?;
        let nginx = Nginx {
            process,
            address: free.to_string(),
            _folder: folder,
        };
        let begun = Instant::now();
        while TcpStream::connect(free).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "nginx does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
