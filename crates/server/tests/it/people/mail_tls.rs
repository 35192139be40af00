//! Mail over TLS: to a server that is who it says, and to nobody else; never in the clear instead.

use super::sink::{Guard, Sink};
use ostler_model::Secret;
use ostler_server::config::{Config, Mail, Rates, Security};
use ostler_testkit::server::{As, TestServer};
use ostler_testkit::wait;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Somebody who vouches for servers.
struct Authority {
    certificate: Certificate,
    key: KeyPair,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        Self { certificate, key, file }
    }
    /// A server of this name.
    fn server(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
    /// Mail to this sink, whose host is an address and no name.
    fn mail(&self, sink: &Sink, security: Security) -> Config {
        let mail = Mail {
            host: Some(sink.address.ip().to_string()),
            port: sink.address.port(),
            security,
            ca_file: Some(self.file.path().to_owned()),
            username: Some("ostler".into()),
            password: Some(Secret::new("a password of the mail server".to_owned())),
            from: Some("ostler@example.org".parse().unwrap()),
            ..Mail::default()
        };
        Config { rates: Rates::NONE, public_url: Some("https://ostler.test".into()), mail, ..Config::default() }
    }
}

const HERE: &str = "127.0.0.1";

fn guards(acceptor: &TlsAcceptor) -> [(Guard, Security); 2] {
    [(Guard::Starttls(acceptor.clone()), Security::Starttls), (Guard::Tls(acceptor.clone()), Security::Tls)]
}

/// Tries the settings, and has a mail sent.
async fn checked(t: &TestServer, root: &As) -> Value {
    let body = json!({"to": "ada@example.org"});
    t.post(root, "/api/v1/platform-settings/validate/smtp", &body).await.is(200).json()
}

async fn invite(t: &TestServer, root: &As) {
    t.post(root, "/api/v1/users", &json!({"email": "new@example.org", "name": "New"})).await.is(201);
}

/// Nobody on the way could have read more than that somebody wants TLS.
fn nothing_was_said_in_the_clear(sink: &Sink) {
    let words: Vec<String> = sink.clear().iter().map(|line| line.split(' ').next().unwrap().to_uppercase()).collect();
    assert!(words.iter().all(|word| ["EHLO", "STARTTLS", "QUIT"].contains(&word.as_str())), "{:?}", sink.clear());
}

#[tokio::test]
async fn a_trusted_certificate_carries_mail_and_password() {
    let authority = Authority::new("Ours");
    for (guard, security) in guards(&authority.server(HERE)) {
        let sink = Sink::guarded(guard).await;
        let t = TestServer::with(authority.mail(&sink, security)).await;
        let root = t.browser(&t.person(true).await).await;
        let seen = checked(&t, &root).await;
        assert_eq!(seen["is_good"], true, "{security:?}: {seen}");
        invite(&t, &root).await;
        assert_eq!(sink.mail(2).await.to, ["new@example.org"]);
        assert!(sink.signed_in().contains(&"ostler:a password of the mail server".to_owned()));
        nothing_was_said_in_the_clear(&sink);
        assert_eq!(sink.clear().is_empty(), security == Security::Tls);
        t.stop().await;
    }
}

#[tokio::test]
async fn nobody_else_gets_mail_or_password() {
    let authority = Authority::new("Ours");
    let refused = [
        (Authority::new("Another").server(HERE), "UnknownIssuer"),
        (Authority::new("Ours").server(HERE), "BadSignature"),
        (authority.server("mail.example.org"), "not valid for name"),
    ];
    for (acceptor, says) in refused {
        for (guard, security) in guards(&acceptor) {
            let sink = Sink::guarded(guard).await;
            let t = TestServer::with(authority.mail(&sink, security)).await;
            let root = t.browser(&t.person(true).await).await;
            let seen = checked(&t, &root).await;
            assert_eq!(seen["is_good"], false, "{security:?}");
            assert!(seen["says"].as_str().unwrap().contains(says), "{security:?}: {seen}");
            waits(&t, &root).await;
            assert!(sink.got().is_empty() && sink.signed_in().is_empty());
            nothing_was_said_in_the_clear(&sink);
            t.stop().await;
        }
    }
}

#[tokio::test]
async fn without_an_authority_of_its_own_only_those_are_trusted_that_everybody_trusts() {
    let authority = Authority::new("Ours");
    for (guard, security) in guards(&authority.server(HERE)) {
        let sink = Sink::guarded(guard).await;
        let mut config = authority.mail(&sink, security);
        config.mail.ca_file = None;
        let t = TestServer::with(config).await;
        let root = t.browser(&t.person(true).await).await;
        let seen = checked(&t, &root).await;
        assert!(seen["is_good"] == false && seen["says"].as_str().unwrap().contains("UnknownIssuer"), "{seen}");
        assert!(sink.got().is_empty());
        t.stop().await;
    }
}

#[tokio::test]
async fn what_was_meant_for_tls_never_goes_in_the_clear() {
    let authority = Authority::new("Ours");
    for security in [Security::Starttls, Security::Tls] {
        let sink = Sink::guarded(Guard::Open).await;
        let t = TestServer::with(authority.mail(&sink, security)).await;
        let root = t.browser(&t.person(true).await).await;
        let seen = checked(&t, &root).await;
        assert_eq!(seen["is_good"], false, "{security:?}: {seen}");
        waits(&t, &root).await;
        assert!(sink.got().is_empty() && sink.signed_in().is_empty());
        if security == Security::Starttls {
            nothing_was_said_in_the_clear(&sink);
        }
        t.stop().await;
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let authority = Authority::new("Ours");
    let sink = Sink::guarded(Guard::Starttls(authority.server(HERE))).await;
    for (path, says) in [("/nowhere/ca.pem", "could not read /nowhere/ca.pem"), ("/proc/self/cmdline", "mail.ca_file")]
    {
        let mut config = authority.mail(&sink, Security::Starttls);
        config.mail.ca_file = Some(path.into());
        let t = TestServer::with(config).await;
        let root = t.browser(&t.person(true).await).await;
        let seen = checked(&t, &root).await;
        assert!(seen["is_good"] == false && seen["says"].as_str().unwrap().contains(says), "{path}: {seen}");
        t.stop().await;
    }
    assert!(sink.clear().is_empty());
}

/// A mail stays in the outbox, with the reason.
async fn waits(t: &TestServer, root: &As) {
    invite(t, root).await;
    wait::until("the refusal is on record", async || {
        let all = t.get(root, "/api/v1/platform-settings/mail").await.is(200).json();
        all["items"][0]["error"].is_string().then_some(())
    })
    .await;
}
