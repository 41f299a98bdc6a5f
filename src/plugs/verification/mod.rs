//! The plug of the processor that collects knowledge that people stated in conversations.
//!
//! | module | noun |
//! | --- | --- |
//! | [`settings`] | its table of the configuration |
//! | [`exclusion`] | people whose transcripts it does not read |
//! | [`llm`] | the detector that asks a language model |
//! | [`report`] | queries on its tables |
//! | `review` | decisions of curators |
//! | `commands` | reports and commands of the command line |
//! | `api` | calls of the HTTP API |

#[cfg(feature = "console")]
mod api;
mod commands;
pub mod exclusion;
pub mod llm;
pub mod report;
mod review;
pub mod settings;

use crate::config::Config;
use crate::config::section::Table;
use crate::pass::network::Network;
use crate::plug::{CheckFinding, Decisions, Obstacle, Plug, Plugged, Resources, Surroundings};
use crate::store::migrations::Migration;
use crate::store::schema::Kept;
use exclusion::Exclusion;
use llm::client::Client;
use llm::key::Key;
use llm::{Model, journal, network};
use sessionmill_contract::{Bound, Processor};
use sessionmill_verification::rules::Rules;
use sessionmill_verification::{NAME, Verification};
use settings::Settings;
use std::sync::LazyLock;

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    interval: Some("SCHEDULER_VERIFICATION_DETECTOR_INTERVAL"),
    adopts: true,
    bound,
    check,
    remark: |config, database, reader, summary| Exclusion::remarks(config, database, reader, summary),
    review: Some(Decisions { find: review::find, decide: review::decide }),
    kept: Some(Kept { people: journal::people, forget: journal::forget }),
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    #[cfg(feature = "console")]
    calls: &api::CALLS,
    ..Plug::new(|| &*BY_RULES, make)
};

/// The processor with rules, which asks no server.
static BY_RULES: LazyLock<Verification> = LazyLock::new(|| Verification::new(Box::new(Rules)));

const MIGRATIONS: [Migration; 11] = [
    ("0004_verification", include_str!("../../../migrations/0004_verification.sql")),
    ("0008_knowledge", include_str!("../../../migrations/0008_knowledge.sql")),
    ("0014_judgements", include_str!("../../../migrations/0014_judgements.sql")),
    ("0015_founders", include_str!("../../../migrations/0015_founders.sql")),
    ("0026_instructions", include_str!("../../../migrations/0026_instructions.sql")),
    ("0034_prompts", include_str!("../../../migrations/0034_prompts.sql")),
    ("0037_templates", include_str!("../../../migrations/0037_templates.sql")),
    ("0045_grounds", include_str!("../../../migrations/0045_grounds.sql")),
    ("0046_older_rules", include_str!("../../../migrations/0046_older_rules.sql")),
    ("0047_clusters", include_str!("../../../migrations/0047_clusters.sql")),
    ("0051_domain_labels", include_str!("../../../migrations/0051_domain_labels.sql")),
];

fn bound(config: &Config) -> Bound {
    if config.settings::<Settings>().api().is_some() { Bound::Network } else { Bound::Cpu }
}

fn make(config: &Config, resources: &Resources) -> Result<Plugged, Obstacle> {
    let mut settings: Settings = config.settings();
    let exclusion = Exclusion::of(config)?;
    let excluding = |processor: Verification| -> Box<dyn Processor> {
        match exclusion {
            Some(exclusion) => Box::new(processor.excluding(Box::new(move |folder: &str| exclusion.excludes(folder)))),
            None => Box::new(processor),
        }
    };
    let Some(api) = settings.api() else {
        return Ok(Plugged { processor: excluding(Verification::new(Box::new(Rules))), network: None });
    };
    if !resources.may_ask {
        settings.calls_per_run = 0;
    }
    let model = network::check().and_then(|()| {
        Model::new(api, &settings, resources.credentials.as_deref(), &resources.database, resources.now)
    });
    let is_local = settings.key_file.is_none();
    let model = model.map_err(|reason| Obstacle::Disabled { reason, is_local })?;
    let (connections, quiet) = (settings.connections, settings.quiet());
    let network = Network { server: model.server().to_owned(), connections, quiet };
    let detector = Box::new(model.stopped_by(&resources.heartbeat));
    Ok(Plugged { processor: excluding(Verification::new(detector)), network: Some(network) })
}

/// Checks that all excluded names are known, and that the configured language model can be asked.
fn check(config: &Config, surroundings: &Surroundings<'_>) -> Vec<CheckFinding> {
    let Surroundings { credentials, is_offline, people } = *surroundings;
    let mut findings = Vec::new();
    if let (Ok(Some(exclusion)), Some(people)) = (Exclusion::of(config), people) {
        let strangers = exclusion.strangers(people);
        findings.extend(strangers.iter().map(|told| CheckFinding::Fine(format!("warning: {told}"))));
    }
    let settings: Settings = config.settings();
    let Some(api) = settings.api() else { return findings };
    if is_offline {
        findings.push(CheckFinding::Wrong(format!("`{NAME}` cannot run: {}", network::CLOSED)));
    }
    let key = Key::read(&settings, credentials);
    let client = key.and_then(|key| Ok((Client::new(api, &settings, key.as_ref())?, key)));
    findings.push(match client {
        Ok((client, Some(_))) => CheckFinding::Fine(format!("`{}`: the key for it can be read", client.url())),
        Ok((client, None)) => CheckFinding::Fine(format!("`{}`: is asked without a key", client.url())),
        // The service can have a key that this process cannot see.
        Err(reason) if settings.key_file.is_none() && credentials.is_none() => CheckFinding::Fine(format!(
            "warning: {reason}; whether the service has that credential is not seen from here"
        )),
        Err(reason) => CheckFinding::Wrong(format!("`{NAME}` cannot run: {reason}")),
    });
    findings
}
