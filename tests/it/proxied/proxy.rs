//! A real nginx or Caddy on loopback, with the shipped files: changed are only the paths, ports and names that an operator
//! changes too, and a mark that is not found fails the test.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use crate::world::{process::free_address, until};

pub const NAME: &str = "carnet.test";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

/// The proxy; ends with its test.
pub struct Proxy {
    kind: Kind,
    child: Child,
    dir: tempfile::TempDir,
    /// Where it listens.
    pub address: String,
    /// Of Caddy's own API, over which it is told to read its file again.
    control: String,
    certificate: CertifiedKey<rcgen::KeyPair>,
}

/// A shipped file, with its marked places changed.
fn shipped(name: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(Path::new("deploy").join(name)).expect("a shipped file");
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "deploy/{name} has no {from}");
        text.replace(from, to)
    })
}

/// An address for a proxy that is about to start, and the URL at which the world will know it.
pub async fn place() -> (String, String) {
    let address = free_address().await;
    let port = address.rsplit(':').next().expect("a port");
    let url = format!("https://{NAME}:{port}");
    (address, url)
}

impl Proxy {
    /// Before a service at `upstream`, listening on `address`.
    pub async fn start(kind: Kind, address: &str, upstream: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        // nginx's workers are another user than root.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let certificate = generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        fs::write(dir.path().join("fullchain.pem"), certificate.cert.pem()).expect("a file");
        fs::write(dir.path().join("privkey.pem"), certificate.signing_key.serialize_pem()).expect("a file");
        let (control, spare) = (free_address().await, free_address().await);
        match kind {
            Kind::Nginx => configure_nginx(dir.path(), address, &spare, upstream),
            Kind::Caddy => configure_caddy(dir.path(), &control, &spare),
        }
        let child = command(kind, dir.path(), address, upstream).spawn().expect("the proxy is installed");
        let proxy = Self { kind, child, dir, address: address.to_owned(), control, certificate };
        until("the proxy to listen", async || TcpStream::connect(&proxy.address).await.is_ok()).await;
        proxy
    }

    /// Reads its file again, as an operator makes it do.
    pub fn reload(&self) {
        let mut reload = match self.kind {
            Kind::Nginx => nginx(self.dir.path(), &["-s", "reload"]),
            Kind::Caddy => caddy(self.dir.path(), &["reload", "--force", "--address", &self.control]),
        };
        self.with_environment(&mut reload);
        let done = reload.output().expect("the proxy is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn with_environment(&self, reload: &mut Command) {
        let kept = fs::read_to_string(self.dir.path().join("environment")).expect("kept at the start");
        reload.envs(kept.lines().filter_map(|line| line.split_once('=')));
    }

    /// A client that trusts the certificate, calling from `local`.
    pub fn client(&self, local: &str) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_der(self.certificate.cert.der()).expect("a certificate");
        reqwest::Client::builder()
            .tls_certs_only([certificate])
            .resolve(NAME, self.address.parse().expect("an address"))
            .local_address(local.parse::<std::net::IpAddr>().expect("an address"))
            .build()
            .expect("a client")
    }

    /// A connection from `local`, for bytes that no client would send.
    pub async fn raw(&self, local: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(NAME).expect("a name");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{local}:0").parse().expect("an address")).expect("an address of this machine");
        let socket = socket.connect(self.address.parse().expect("an address")).await.expect("a connection");
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("a handshake")
    }

    /// What the proxy wrote to its logs.
    pub fn logs(&self) -> String {
        ["carnet.log", "error.log", "output"]
            .map(|name| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx has children of its own, which a kill would leave behind.
        if self.kind == Kind::Nginx {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn configure_nginx(dir: &Path, address: &str, spare: &str, upstream: &str) {
    let at = |name: &str| dir.join(name).display().to_string();
    let site = shipped(
        "nginx.conf",
        &[
            ("server 127.0.0.1:8080 ", &format!("server {upstream} ")),
            ("listen 443 ssl", &format!("listen {address} ssl")),
            ("listen [::]:443 ssl", &format!("listen {spare} ssl")),
            ("carnet.example.com;", &format!("{NAME};")),
            ("/etc/letsencrypt/live/carnet.example.com/", &format!("{}/", dir.display())),
            ("/var/log/nginx/", &format!("{}/", dir.display())),
            ("/etc/nginx/carnet-public.conf", &at("carnet-public.conf")),
        ],
    );
    fs::write(at("carnet.conf"), site).expect("a file");
    fs::write(at("carnet-public.conf"), shipped("nginx-public.conf", &[])).expect("a file");
    // What a distribution's own nginx.conf does around conf.d.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", at(&format!("{kind}-temp"))))
        .join("\n");
    let around = format!(
        "worker_processes 2;\npid {};\nerror_log {} warn;\nevents {{ worker_connections 768; }}\n\
         http {{\n{temporary}\naccess_log off;\ninclude {};\n}}\n",
        at("nginx.pid"),
        at("output"),
        at("carnet.conf")
    );
    fs::write(at("nginx.conf"), around).expect("a file");
}

fn configure_caddy(dir: &Path, control: &str, spare: &str) {
    let port = spare.rsplit(':').next().expect("a port");
    let own = format!("tls {0}/fullchain.pem {0}/privkey.pem", dir.display());
    let changes = [
        ("#tls /etc/caddy/cert.pem /etc/caddy/key.pem", own.as_str()),
        // Its own API, and where it leads plain HTTP to HTTPS: one port each for everybody, unless said otherwise.
        ("\tgrace_period", &format!("\tadmin {control}\n\thttp_port {port}\n\tgrace_period")),
    ];
    fs::write(dir.join("Caddyfile"), shipped("Caddyfile", &changes)).expect("a file");
}

fn command(kind: Kind, dir: &Path, address: &str, upstream: &str) -> Command {
    let port = address.rsplit(':').next().expect("a port");
    let environment = format!("CARNET_DOMAIN={NAME}:{port}\nCARNET_UPSTREAM={upstream}\n");
    fs::write(dir.join("environment"), &environment).expect("a file");
    let mut command = match kind {
        Kind::Nginx => nginx(dir, &["-g", "daemon off;"]),
        Kind::Caddy => caddy(dir, &["run"]),
    };
    let output = fs::File::create(dir.join("output")).expect("a file");
    command.envs(environment.lines().filter_map(|line| line.split_once('=')));
    command.stdout(Stdio::null()).stderr(output).stdin(Stdio::null());
    command
}

fn nginx(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf")).args(args);
    // Where Debian puts it is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

fn caddy(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("caddy");
    command.args(args).arg("--config").arg(dir.join("Caddyfile")).args(["--adapter", "caddyfile"]);
    command.env("HOME", dir).env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
    command
}
