//! `sessionmill trial`: processes a single file that may have crashed an earlier pass. A pass starts it, and writes its
//! configuration as TOML to standard input.

use crate::base::error::{Error, Result, Status, cause};
use crate::config::Config;
use crate::config::reading::Reading;
use crate::pass::trial;
use crate::plug::Context;
use crate::plug::{ConfiguredProcessors, Plugs, Resources};
use crate::read::Caps;
use crate::source::{Layout, Source};
use crate::store::DatabaseFile;
use sessionmill_contract::SourceFile;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    database: PathBuf,
    root: PathBuf,
    path: PathBuf,
    session_file: String,
    username: String,
    file: u64,
    line: usize,
    facts: usize,
    processors: Vec<String>,
}

pub(crate) fn trial(args: &Args, context: &Context) -> Result<Status> {
    let config = std::io::read_to_string(std::io::stdin()).map_err(|error| wrong(&cause(&error)))?;
    let config = configuration(&config, context.plugs).map_err(|cause| wrong(&cause))?;
    // A trial asks no model: it uses stored answers, and pays for nothing.
    let database = DatabaseFile::new(&args.database, context.plugs.schema());
    let configured = ConfiguredProcessors::new(
        &args.processors,
        &config,
        &Resources { may_ask: false, ..context.resources(&database) },
    )?;
    let source = Source::new("", &args.root, Layout::Users);
    let file = SourceFile::new(&*args.session_file, &*args.username);
    let caps = Caps { file: args.file, line: args.line, facts: args.facts };
    trial::read(source, &args.path, file, caps, &configured.processors())
        .map_err(|error| Error::cannot("open", args.root.display(), error))?;
    Ok(Status::Done)
}

fn wrong(cause: &str) -> Error {
    Error::cannot("read", "the configuration of the run", cause)
}

/// Parses the configuration.
fn configuration(text: &str, plugs: Plugs) -> std::result::Result<Config, String> {
    let Reading { config, mistakes, .. } = Reading::of(text, &BTreeMap::new(), &plugs.declarations());
    mistakes.first().map_or(Ok(config), |mistake| Err(mistake.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pass::trial::written;
    use crate::plugs::PLUGS;

    #[test]
    fn a_trial_gets_the_configuration_as_it_is() {
        let text = "
            database = '/data/mill.duckdb'
            timezone = 'Europe/Berlin'
            [caps]
            line = 1000
            [schedule]
            usage = 'cron 15 3 * * 1-5'
            verification = 'off'
            [daemon]
            budget = '90s'
            allow_uids = [4, 5]
            [verification]
            detector = 'openai'
            model = 'm-1'
            base_url = 'https://gpu.lan/v1'
            input_price = 0.1
            output_price = 2.5
            dollars_per_day = 1.5
            quiet = '0s'
            exclude_users = ['eve']
            [[price]]
            model = 'm-1'
            from = 2026-02-01
            input = 3
            output = 15.25
            [[source]]
            name = 'all'
            path = '/sessions'
        ";
        for text in ["", text] {
            let config = configuration(text, PLUGS).unwrap();
            let got = configuration(&written(&config).unwrap(), PLUGS).unwrap();
            assert_eq!(got, Config { price: Vec::new(), source: Vec::new(), ..config });
        }
    }
}
