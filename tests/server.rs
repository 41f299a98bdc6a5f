//! A fake server of a language model: it supports both APIs on a local port, finds a claim in every turn that begins
//! with `No, `, sees no contradiction, and misbehaves on request.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What the server does with a request.
pub enum Says {
    /// The claims that it finds, or no contradiction.
    Claims,
    /// This form instead of its own.
    Form(Value),
    /// A status, headers, and a body.
    Status(u16, &'static str, &'static str),
    Refusal,
    /// The claims, after this many questions of the form have arrived; an error after a minute without them.
    Beside(usize),
    /// Nothing, until the test is over.
    Nothing,
    /// Half of the announced length.
    Half,
    /// The same reply twice.
    Twice,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// In lower case, one on each line.
    pub headers: String,
    pub body: Value,
}

impl Request {
    /// Whether it asks what a correction contradicts.
    pub fn is_judgement(&self) -> bool {
        self.form() == "report_contradictions"
    }

    /// The name of the requested form.
    fn form(&self) -> &str {
        let name = [&self.body["tool_choice"]["name"], &self.body["response_format"]["json_schema"]["name"]];
        name.into_iter().find_map(Value::as_str).unwrap()
    }

    /// The turns, or the facts, as the model sees them.
    pub fn turns(&self) -> &str {
        let messages = self.body["messages"].as_array().unwrap();
        messages.last().unwrap()["content"].as_str().unwrap()
    }
}

type Behaviour = Box<dyn Fn(&Request, usize) -> Says + Send + Sync>;

struct Shared {
    requests: Mutex<Vec<Request>>,
    behaviour: Mutex<Behaviour>,
    over: AtomicBool,
}

pub struct Server {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Server {
    /// A server that answers the n-th request with `behaviour`.
    pub fn start(behaviour: impl Fn(&Request, usize) -> Says + Send + Sync + 'static) -> Self {
        Self::listen(behaviour, serve)
    }

    /// The same over TLS, with a certificate signed by the authority of the tests.
    pub fn start_tls(behaviour: impl Fn(&Request, usize) -> Says + Send + Sync + 'static) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_protocol_versions(rustls::ALL_VERSIONS).unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        Self::listen(behaviour, move |stream, shared| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            serve(StreamOwned::new(connection, stream), shared);
        })
    }

    fn listen(
        behaviour: impl Fn(&Request, usize) -> Says + Send + Sync + 'static,
        serve: impl Fn(TcpStream, &Shared) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let behaviour: Mutex<Behaviour> = Mutex::new(Box::new(behaviour));
        let shared = Arc::new(Shared { requests: Mutex::default(), behaviour, over: AtomicBool::new(false) });
        let server = Self { port, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, serve) = (shared.clone(), serve.clone());
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        server
    }

    /// Changes the behaviour.
    pub fn now(&self, behaviour: impl Fn(&Request, usize) -> Says + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// All requests about conversations.
    pub fn requests(&self) -> Vec<Request> {
        self.asked().filter(|request| !request.is_judgement()).collect()
    }

    /// All requests about corrections.
    pub fn judgements(&self) -> Vec<Request> {
        self.asked().filter(Request::is_judgement).collect()
    }

    fn asked(&self) -> impl Iterator<Item = Request> {
        self.shared.requests.lock().unwrap().clone().into_iter()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: impl Read + Write, shared: &Shared) {
    let Some(request) = read(&mut stream) else { return };
    let says = {
        let number = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        shared.behaviour.lock().unwrap()(&request, number)
    };
    let is_anthropic = request.path == "/v1/messages";
    let reply = |form: &Value| {
        let reply = match is_anthropic {
            true => json!({
                "type": "message", "stop_reason": "tool_use",
                "content": [{"type": "tool_use", "id": "t1", "name": request.form(), "input": form}],
                "usage": {"input_tokens": 100, "output_tokens": 10},
            }),
            false => json!({
                "choices": [{"finish_reason": "stop", "message": {"content": form.to_string()}}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10},
            }),
        };
        http(200, "", &reply.to_string())
    };
    let text = match says {
        Says::Claims => reply(&found(&request)),
        Says::Beside(number) => {
            let come = || shared.requests.lock().unwrap().iter().filter(|other| other.form() == request.form()).count();
            let begun = std::time::Instant::now();
            while come() < number && begun.elapsed() < std::time::Duration::from_secs(60) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            if come() < number { http(500, "", "") } else { reply(&found(&request)) }
        }
        Says::Form(form) => reply(&form),
        Says::Status(status, headers, body) => http(status, headers, body),
        Says::Refusal if is_anthropic => http(200, "", r#"{"content":[],"stop_reason":"refusal"}"#),
        Says::Refusal => http(200, "", r#"{"choices":[{"finish_reason":"stop","message":{"refusal":"I cannot"}}]}"#),
        Says::Nothing => {
            while !shared.over.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            return;
        }
        Says::Half => {
            let whole = reply(&found(&request));
            whole[..whole.len() - 40].to_owned()
        }
        Says::Twice => reply(&found(&request)).repeat(2),
    };
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

fn read(stream: impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && reader.read_line(&mut headers).ok()? > 2 {}
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    Some(Request { path, headers, body: serde_json::from_slice(&body).unwrap() })
}

fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} so it is\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn found(request: &Request) -> Value {
    if request.is_judgement() { json!({"contradicted": []}) } else { claims(request.turns()) }
}

/// A claim for each turn of the person that begins with `No, `.
fn claims(turns: &str) -> Value {
    let mut claims = Vec::new();
    for turn in turns.split("</turn>") {
        let Some((head, text)) = turn.trim().split_once(">\n") else { continue };
        let number: u64 = head.split('"').nth(1).unwrap().parse().unwrap();
        if head.contains("role=\"person\"") && !head.contains("context") && text.starts_with("No, ") {
            claims.push(json!({
                "turn": number, "detection_type": "correction", "title": "What is so", "content": format!("It is so: {text}"),
                "quote": text.trim(), "domain": "finance", "entities": ["so"], "confidence": 1.0,
            }));
        }
    }
    json!({"claims": claims})
}
