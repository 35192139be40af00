//! A mail server that keeps what it gets. The protocol is a library's; only the socket is ours.

use mailin::{Action, AuthMechanism, Handler, Response, SessionBuilder, response};
use ostler_testkit::wait;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A mail that arrived.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
}

impl Mail {
    /// The secret in its link.
    pub(super) fn token(&self) -> String {
        let text = self.data.replace("=\r\n", "").replace("=3D", "=");
        let at = text.find("#token=").expect("a link") + "#token=".len();
        text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.data.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// How what is said to the server is kept private.
#[derive(Clone, Default)]
pub(super) enum Guard {
    /// Not at all, and it does not offer to.
    #[default]
    Open,
    /// After it was asked to.
    Starttls(TlsAcceptor),
    /// From the first byte.
    Tls(TlsAcceptor),
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Vec<Mail>>>,
    is_moody: Arc<AtomicBool>,
    guard: Guard,
    clear: Arc<Mutex<Vec<String>>>,
    signed_in: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Keeper {
    sink: Sink,
    mail: Mail,
}

impl Handler for Keeper {
    fn auth_plain(&mut self, _: &str, name: &str, password: &str) -> Response {
        self.sink.signed_in.lock().unwrap().push(format!("{name}:{password}"));
        response::AUTH_OK
    }
    fn data_start(&mut self, _: &str, from: &str, _: bool, to: &[String]) -> Response {
        self.mail = Mail { from: from.to_owned(), to: to.to_vec(), data: String::new() };
        if self.sink.is_moody.load(Ordering::SeqCst) { response::INTERNAL_ERROR } else { response::OK }
    }
    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.mail.data.push_str(&String::from_utf8_lossy(bytes));
        Ok(())
    }
    fn data_end(&mut self) -> Response {
        self.sink.got.lock().unwrap().push(self.mail.clone());
        response::OK
    }
}

impl Sink {
    pub(super) async fn start() -> Self {
        Self::guarded(Guard::Open).await
    }
    pub(super) async fn guarded(guard: Guard) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (got, is_moody) = (Arc::default(), Arc::default());
        let sink = Self { address, got, is_moody, guard, clear: Arc::default(), signed_in: Arc::default() };
        let own = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.answer(stream, peer.ip()).await });
            }
        });
        sink
    }
    /// Takes nothing until told otherwise.
    pub(super) fn moody(&self, is: bool) {
        self.is_moody.store(is, Ordering::SeqCst);
    }
    /// What was said to it that anybody on the way could have read.
    pub(super) fn clear(&self) -> Vec<String> {
        self.clear.lock().unwrap().clone()
    }
    /// Who signed in, each with their password.
    pub(super) fn signed_in(&self) -> Vec<String> {
        self.signed_in.lock().unwrap().clone()
    }
    pub(super) fn got(&self) -> Vec<Mail> {
        self.got.lock().unwrap().clone()
    }
    /// The mail with this number, counted from 1, once it is there.
    pub(super) async fn mail(&self, number: usize) -> Mail {
        wait::until(&format!("mail {number} is there"), async || self.got().get(number - 1).cloned()).await
    }

    async fn answer(&self, stream: TcpStream, peer: IpAddr) {
        let mail = Mail { from: String::new(), to: vec![], data: String::new() };
        let mut builder = SessionBuilder::new("sink.test");
        let wire: Box<dyn Wire> = match &self.guard {
            Guard::Open => Box::new(stream),
            Guard::Starttls(_) => {
                builder.enable_start_tls().enable_auth(AuthMechanism::Plain);
                Box::new(stream)
            }
            Guard::Tls(acceptor) => {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                builder.enable_start_tls().enable_auth(AuthMechanism::Plain);
                Box::new(stream)
            }
        };
        let mut session = builder.build(peer, Keeper { sink: self.clone(), mail });
        if let Guard::Tls(_) = self.guard {
            session.tls_active();
        }
        self.talk(wire, session).await;
    }

    async fn talk(&self, wire: Box<dyn Wire>, mut session: mailin::Session<Keeper>) {
        let mut is_clear = !matches!(self.guard, Guard::Tls(_));
        let mut stream = BufReader::new(wire);
        let mut answer = session.greeting();
        loop {
            let mut bytes = Vec::new();
            if answer.action != Action::NoReply {
                answer.write_to(&mut bytes).unwrap();
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            if answer.action == Action::Close {
                return;
            }
            if let (Action::UpgradeTls, Guard::Starttls(acceptor)) = (&answer.action, &self.guard) {
                let Ok(secret) = acceptor.accept(stream.into_inner()).await else { return };
                stream = BufReader::new(Box::new(secret));
                session.tls_active();
                is_clear = false;
            }
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    if is_clear {
                        self.clear.lock().unwrap().push(String::from_utf8_lossy(&line).trim().to_owned());
                    }
                    answer = session.process(&line);
                }
            }
        }
    }
}
