//! The mail server: reaching it, and handing it one mail.

use super::letter::{Letter, Written};
use crate::app::App;
use crate::config::{Mail, Security};
use crate::limits;
use anyhow::{Context as _, anyhow};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use ostler_model::user::Email;
use ostler_model::{Foreign, Time};
use ostler_wire::setting::CheckView;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A mail server that can be asked.
pub(super) struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
}

impl Server {
    /// With these settings; `None` when mail is off.
    pub(super) fn of(mail: &Mail) -> anyhow::Result<Option<Self>> {
        let (Some(host), Some(from)) = (&mail.host, &mail.from) else { return Ok(None) };
        let tls = || privacy(host, mail.ca_file.as_deref());
        let tls = match mail.security {
            Security::Starttls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(mail.port)
            .tls(tls)
            .timeout(Some(Duration::from_millis(limits::SMTP_TIME.0)));
        if let (Some(name), Some(password)) = (&mail.username, &mail.password) {
            transport = transport.credentials(Credentials::new(name.clone(), password.reveal().to_owned()));
        }
        let from = Mailbox::new(Some(mail.from_name.to_string()), address(from)?);
        Ok(Some(Self { transport: transport.build(), from, host: host.clone() }))
    }
    /// Hands a mail over. The id makes a second copy recognisable as one.
    pub(super) async fn send(&self, id: &str, to: &Email, written: Written, now: Time) -> Result<(), Refusal> {
        let wrong = |error: anyhow::Error| Refusal { is_final: true, says: format!("{error:#}") };
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default());
        let message = message(&self.from, id, to, written, at).map_err(wrong)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal { is_final: error.is_permanent(), says: said(&error, &self.host) }),
        }
    }
    async fn look(&self) -> Result<(), String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("{} answered, but does not want to talk", self.host)),
            Err(error) => Err(said(&error, &self.host)),
        }
    }
}

/// The mail as it goes out. The headers are the library's: it encodes what is in them.
fn message(from: &Mailbox, id: &str, to: &Email, written: Written, at: SystemTime) -> anyhow::Result<Message> {
    Ok(Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, address(to)?))
        .subject(written.subject)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(at)
        .multipart(MultiPart::alternative_plain_html(written.text, written.html))?)
}

/// What TLS to this host has to be like: its certificate is for this name, and somebody who is trusted vouches for it.
fn privacy(host: &str, ca_file: Option<&Path>) -> anyhow::Result<TlsParameters> {
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let pem = std::fs::read(path)
            .with_context(|| format!("could not read {}, which mail.ca_file names", path.display()))?;
        // A file without any would be taken for one that vouches for nobody.
        let has_some = String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE");
        anyhow::ensure!(has_some, "{}, which mail.ca_file names, holds no certificates as PEM", path.display());
        let certificate = Certificate::from_pem(&pem)
            .with_context(|| format!("{}, which mail.ca_file names, holds no certificates as PEM", path.display()))?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build().context("the mail server's name cannot be checked by TLS")
}

/// Why a mail was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The mail server does not want to hear of it again.
    pub(super) is_final: bool,
    pub(super) says: String,
}

/// Tries these settings, and sends a mail when somebody is to get one.
pub(crate) async fn check(app: &App, mail: &Mail, to: Option<&Email>) -> CheckView {
    let tried = async {
        let server = Server::of(mail).map_err(|error| format!("{error:#}"))?;
        let server = server.ok_or("mail is off: name a host and an address that mails come from")?;
        server.look().await?;
        let Some(to) = to else { return Ok(format!("{} answers", server.host)) };
        let letter = Letter::Check { server: app.config.public_url() };
        let written = letter.write(to, &app.config.public_url()).map_err(|error| format!("{error:#}"))?;
        let id: ostler_model::MailId = app.ids.next();
        server.send(&id.to_string(), to, written, app.clock.now()).await.map_err(|refusal| refusal.says)?;
        Ok(format!("{} took a mail for {to}", server.host))
    };
    match app.clock.timeout(limits::SMTP_TIME, Box::pin(tried)).await {
        Some(Ok(says)) => CheckView { is_good: true, says },
        Some(Err(says)) => CheckView { is_good: false, says },
        None => CheckView { is_good: false, says: "the mail server did not answer in time".to_owned() },
    }
}

fn address(email: &Email) -> anyhow::Result<Address> {
    email.as_str().parse().map_err(|error| anyhow!("the address {email} cannot be used in mail: {error}"))
}

/// The whole chain in one sentence: the first part alone says "connection error".
fn said(error: &dyn std::error::Error, host: &str) -> String {
    let mut text = format!("{host}: {error}");
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    Foreign(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::letter::Letter;

    /// Names are checked where they come in; a mail does not rely on it.
    #[test]
    fn s13_a_name_writes_no_header_and_no_line_of_a_mail() {
        let hostile = "Ada\r\nBcc: eve@example.org\r\n\r\nforged\u{2028}line \u{202e}\u{1b}[2J".to_owned();
        let to: Email = "ada@example.org".parse().unwrap();
        let letter = |name: &str| Letter::Invite {
            name: name.to_owned(),
            by: name.to_owned(),
            workspace: Some(name.to_owned()),
            link: "https://o.example/x#token=abc".to_owned(),
            until: Time::from_millis(1_700_000_000_000),
        };
        let sent = |name: &str| {
            let written = letter(name).write(&to, "https://o.example").unwrap();
            assert!(!written.subject.chars().any(char::is_control), "{:?}", written.subject);
            assert!(!written.text.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\r']), "{:?}", written.text);
            // The name that mails come from is a label: it has no control characters, but everything else.
            let label = "Ada, \"eve\" <eve@example.org>; ü".to_owned();
            let from = Mailbox::new(Some(label), "ostler@example.org".parse().unwrap());
            let lines = written.text.lines().count();
            let bytes = message(&from, "mail_1", &to, written, SystemTime::UNIX_EPOCH).unwrap().formatted();
            let text = String::from_utf8(bytes).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            let names: Vec<String> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap().to_owned())
                .collect();
            (names, lines)
        };
        assert_eq!(sent(&hostile), sent("Ada"), "the same headers, and as many lines");
    }

    #[test]
    fn s13_what_a_mail_server_says_is_one_line() {
        let error = std::io::Error::other("550 no\r\n2026-01-01 ERROR forged \u{1b}[2J\u{202e}\u{2028}");
        let text = said(&error, "mail.example.org");
        assert!(text.starts_with("mail.example.org: 550 no\\u{d}\\u{a}2026"), "{text}");
        assert!(!text.contains(['\n', '\r', '\u{1b}', '\u{202e}', '\u{2028}']), "{text:?}");
    }
}
