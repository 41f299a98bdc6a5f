//! The detector that asks a language model about the windows of a conversation, and about which facts its corrections
//! contradict.

use crate::base::failpoint;
use crate::base::heartbeat::Heartbeat;
use crate::base::limits::Halt;
use crate::base::utc;
use crate::plugs::verification::llm::answer::{self, Findings};
use crate::plugs::verification::llm::api::{Answer, Api, Reply};
use crate::plugs::verification::llm::budget::{CallBudget, Spent};
use crate::plugs::verification::llm::client::Client;
use crate::plugs::verification::llm::journal::{AnswerJournal, Entry, VERSION};
use crate::plugs::verification::llm::judgement;
use crate::plugs::verification::llm::key::Key;
use crate::plugs::verification::llm::prompt::{self, INSTRUCTION, WINDOW, schema};
use crate::plugs::verification::llm::question::Question;
use crate::plugs::verification::settings::Settings;
use crate::read::in_flight;
use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use sessionmill_contract::{Bound, Failure, FailureClass, SourceFile};
use sessionmill_verification::conversation;
use sessionmill_verification::{Claim, Detector, Judge, Role, View, Window};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The detector of a run.
pub struct Model {
    api: Api,
    /// `<api>:<model>`, as stored with its judgements.
    name: String,
    /// The server, with a mark of the key.
    server: String,
    settings: Settings,
    client: Arc<Client>,
    /// The heartbeat of the run.
    heartbeat: Heartbeat,
    journal: AnswerJournal,
    budget: CallBudget,
    now: DateTime<Utc>,
    /// The hashes of questions in progress. If a copy of a conversation asks the same question, it waits for the
    /// answer.
    asking: Mutex<HashSet<String>>,
    answered: Condvar,
}

impl Model {
    /// The detector in the settings, for a run that starts now.
    ///
    /// # Errors
    ///
    /// With the reason why it cannot work: there is no key, or others could read the key on the way.
    pub fn new(
        api: Api,
        settings: &Settings,
        credentials: Option<&Path>,
        database: &Path,
        now: DateTime<Utc>,
    ) -> Result<Self, String> {
        let key = Key::read(settings, credentials)?;
        let client = Client::new(api, settings, key.as_ref())?;
        Ok(Self {
            server: format!("{} {}", client.url(), key.as_ref().map_or(String::new(), Key::mark)),
            api,
            name: format!("{}:{}", api.name(), settings.model.as_deref().unwrap_or_default()),
            settings: settings.clone(),
            client: Arc::new(client),
            heartbeat: Heartbeat::default(),
            journal: AnswerJournal::new(database, now, settings.keeps()),
            budget: CallBudget::new(settings.limits(), now),
            now,
            asking: Mutex::default(),
            answered: Condvar::new(),
        })
    }

    /// The same for a run that can be asked to stop.
    #[must_use]
    pub fn stopped_by(self, heartbeat: &Heartbeat) -> Self {
        Self { heartbeat: heartbeat.clone(), ..self }
    }

    /// The server, with a mark of the key that reveals nothing of it.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The answer to a question, from the journal or from the server.
    fn answer(&self, about: &About<'_>, question: &Question) -> Result<Value, Failure> {
        let Settings { model, base_url, max_tokens, .. } = &self.settings;
        let model = model.as_deref().unwrap_or_default();
        let body = self.api.body(model, *max_tokens, base_url.is_none(), question);
        let hash = hex::encode(Md5::digest(format!("{}\n{body}", self.api.name())));
        let permit = Permit::wait(self, &hash);
        match self.journal.answer(permit.0)? {
            Some(answer) => Ok(answer),
            None => self.ask(about, &hash, question.form, &body),
        }
    }

    /// Asks the server. The answer is stored before it is used. The cost is recorded even if the answer is useless.
    fn ask(&self, about: &About<'_>, hash: &str, form: &str, body: &str) -> Result<Value, Failure> {
        self.budget.take(about.session_file.unwrap_or(hash), self.journal.before()?)?;
        let reply = self.reply(body)?.and_then(|body| {
            let nothing = || {
                let message = format!("`{}` answers, but the answer is cut, or none", self.client.url());
                Failure::new(FailureClass::Transient, message)
            };
            self.api.reply(form, &body).ok_or_else(nothing)
        });
        if let Err(failure) = &reply
            && matches!(failure.class, FailureClass::Throttled | FailureClass::Environment)
        {
            return Err(failure.clone());
        }
        let (tokens, result) = match reply {
            Ok(Reply { answer, input_tokens, output_tokens }) => {
                ((input_tokens, output_tokens), checked(answer, about.is_answer))
            }
            Err(failure) => ((0, 0), Err(failure)),
        };
        let spent = self.settings.cost(tokens.0, tokens.1);
        self.budget.spend(Spent { calls: 0, ..spent });
        self.journal.keep(&Entry {
            version: VERSION,
            question: hash.to_owned(),
            at: utc::seconds(self.now),
            username: about.username.to_owned(),
            model: self.settings.model.clone().unwrap_or_default(),
            input_tokens: tokens.0,
            output_tokens: tokens.1,
            micro_usd: spent.micro_usd,
            answer: result.as_ref().cloned().unwrap_or_default(),
        })?;
        result
    }
}

/// When a run is asked to stop, it waits this long for an answer that may have been paid for.
const GRACE: Duration = Duration::from_secs(1);

/// How often a run checks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);

impl Model {
    /// The reply of the server. If the run is asked to stop and no reply comes, the request is left to its own thread,
    /// which ends with the request or with the process.
    fn reply(&self, body: &str) -> Result<Result<String, Failure>, Failure> {
        let (client, body) = (Arc::clone(&self.client), body.to_owned());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let _ = sender.send(client.ask(&body));
        });
        let mut stopped: Option<Instant> = None;
        loop {
            match receiver.recv_timeout(GLANCE) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(FailureClass::Panic, "the client panicked"));
                }
            }
            if self.heartbeat.is_stopped() && stopped.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                return Err(Failure::new(FailureClass::Budget, Halt::Stopped.words()));
            }
        }
    }
}

/// What a question is about.
struct About<'a> {
    /// The source file, for the time limit per file. `None` for a correction, which is asked about once.
    session_file: Option<&'a str>,
    /// The user of the transcript. Empty for a judgement: its facts can be from several people, and its answer contains
    /// no text.
    username: &'a str,
    is_answer: &'a dyn Fn(&Value) -> bool,
}

/// The right to ask a question. Only one thread has it at a time.
struct Permit<'t>(&'t str, &'t Model);

impl<'t> Permit<'t> {
    fn wait(model: &'t Model, hash: &'t str) -> Self {
        let mut asking = model.asking.lock();
        model.answered.wait_while(&mut asking, |asking| asking.contains(hash));
        asking.insert(hash.to_owned());
        Self(hash, model)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Self(hash, model) = self;
        model.asking.lock().remove(*hash);
        model.answered.notify_all();
    }
}

/// The answer, if it has the requested form; else an error. An error is never treated as an empty answer.
fn checked(answer: Answer, is_answer: &dyn Fn(&Value) -> bool) -> Result<Value, Failure> {
    let useless = match answer {
        Answer::Form(form) if is_answer(&form) => return Ok(form),
        Answer::Cut => "the model's answer is longer than `max_tokens`",
        Answer::Refused => "the model refuses to answer",
        Answer::Form(_) | Answer::Strange => "the model's answer does not have the form that was asked for",
    };
    Err(Failure::new(FailureClass::Permanent, useless))
}

impl Detector for Model {
    fn name(&self) -> &str {
        self.api.name()
    }

    fn version(&self) -> u32 {
        let Window { turns, overlap } = WINDOW;
        let model = self.settings.model.as_deref().unwrap_or_default();
        let (api, schema) = (self.api.name(), schema());
        let about = format!("{api} {model} {turns} {overlap} {INSTRUCTION} {schema} {}", conversation::VERSION);
        let [a, b, c, d, ..] = <[u8; 16]>::from(Md5::digest(about));
        // The column in the ledger is signed, so 31 bits are used.
        u32::from_be_bytes([a, b, c, d]) >> 1
    }

    fn bound(&self) -> Bound {
        Bound::Network
    }

    fn window(&self) -> Window {
        WINDOW
    }

    fn claims(&self, file: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let is_spoken = view.turns.iter().skip(view.fresh).any(|turn| turn.role == Role::Person);
        if !is_spoken {
            return Ok(Vec::new());
        }
        let SourceFile { session_file, username } = file;
        let about = About { session_file: Some(session_file), username, is_answer: &answer::is_answer };
        let question = in_flight::computing(|| {
            failpoint::point("question", session_file);
            prompt::question(view)
        });
        let answer = self.answer(&about, &question)?;
        let Findings { claims, dropped } = in_flight::computing(|| answer::findings(&answer, view));
        if dropped > 0 {
            tracing::warn!(session = file.session_file, dropped, "claims that nobody made in the conversation");
        }
        Ok(claims)
    }
    fn judge(&self) -> Option<&dyn Judge> {
        Some(self)
    }
}

impl Judge for Model {
    fn name(&self) -> &str {
        &self.name
    }

    fn contradicted(&self, correction: &str, facts: &[&str]) -> Result<Vec<usize>, Failure> {
        let read = |answer: &Value| judgement::contradicted(answer, facts.len());
        let about = About { session_file: None, username: "", is_answer: &|answer| read(answer).is_some() };
        let answer = self.answer(&about, &judgement::question(correction, facts))?;
        let useless = || Failure::new(FailureClass::Permanent, "the answer that was kept is none");
        let (positions, invented) = read(&answer).ok_or_else(useless)?;
        if invented > 0 {
            tracing::warn!(dropped = invented, "contradictions of facts that were not asked about");
        }
        Ok(positions.into_iter().collect())
    }
}
