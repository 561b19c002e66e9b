//! The process: reads the command line, runs a verb, and returns its exit code.
//!
//! 0 done, 1 failed, 2 refused input, 64 usage.

mod args;

use annunciator::codec::Format;
use annunciator::daemon::{self, LogForm, RunOptions, SchemaOptions, Stopped, ValidateOptions, Voice};
use annunciator::handler::SigningKey;
use annunciator::receive::{Credentials, ReceiverOptions};
use annunciator::secret::Secret;
use annunciator::shell::client;
use annunciator::tree::WithDefaults;
use args::{
    CheckArgs, Cli, DefaultsMode, DemoArgs, DocumentFormat, DocumentType, LogFormat, ModuleArgs, ReceiveArgs,
    Reference, RunArgs, SchemaVerb, ShellArgs, ValidateArgs, Verb,
};
use clap::Parser;
use clap::error::ErrorKind;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Memory is taken by one thread and given back by another all the time: decision 0016.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for a command line that is not understood (`EX_USAGE`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no fault; where nobody reads, there is nobody to tell.
            drop(error.print());
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    ExitCode::from(match cli.verb {
        None if std::io::stdin().is_terminal() => run(RunArgs { shell: true, ..cli.run }),
        None => run(cli.run),
        Some(Verb::Run(args)) => run(args),
        Some(Verb::Shell(args)) => shell(args),
        Some(Verb::Check(args)) => check(&args),
        Some(Verb::Demo(args)) => demo(&args),
        Some(Verb::Receive(args)) => receive(args),
        Some(Verb::Schema { verb }) => schema(verb),
        Some(Verb::Reference { what }) => reference(what),
    })
}

#[allow(clippy::disallowed_methods, reason = "the environment is read here and handed down")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn run(args: RunArgs) -> u8 {
    let form = match args.log_format {
        LogFormat::Text => LogForm::Text,
        LogFormat::Json => LogForm::Json,
    };
    // A shell in this terminal shares it with the log: then only what needs attention is shown.
    let quiet = args.shell.then(|| "warn".to_owned());
    daemon::start_log(form, environment("RUST_LOG").or(quiet).as_deref());
    let options = RunOptions {
        config: args.config,
        config_override: args.config_override,
        socket: args.socket.unwrap_or_else(|| args.data_dir.join(daemon::SOCKET_NAME)),
        data_dir: args.data_dir,
        schema_dirs: args.schema_dir,
        http_listen: args.http_listen,
        shell: args.shell.then(|| client_options(client::Input::Standard, true)),
        new_key: args.new_key,
        log: form,
        crash_at: args.crash_at,
    };
    ended_as(Voice::Log(form), daemon::run(options))
}

/// Tells whoever typed the verb how it ended, and returns the exit code.
fn ended(stopped: Result<u8, Stopped>) -> u8 {
    ended_as(Voice::Person, stopped)
}

fn ended_as(voice: Voice, stopped: Result<u8, Stopped>) -> u8 {
    stopped.unwrap_or_else(|stopped| {
        voice.tell(&stopped);
        stopped.exit_code()
    })
}

fn client_options(input: client::Input, pager: bool) -> client::Options {
    let home = environment("HOME").map(PathBuf::from);
    let state = environment("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| home.as_ref().map(|home| home.join(".local/state")));
    client::Options {
        input,
        pager,
        colour: environment("NO_COLOR").is_none(),
        history_folder: state.map(|state| state.join("annunciator")),
        home,
    }
}

fn shell(args: ShellArgs) -> u8 {
    let input = match args.file {
        Some(file) => client::Input::File(file),
        None if args.command.is_empty() => client::Input::Standard,
        None => client::Input::Commands(args.command),
    };
    let socket = args.socket.unwrap_or_else(|| args.data_dir.join(daemon::SOCKET_NAME));
    client::run(&socket, &client_options(input, !args.no_pager)).exit_code()
}

fn check(args: &CheckArgs) -> u8 {
    ended(daemon::check(&args.files, args.data_dir.as_deref(), &args.schema_dir, &mut std::io::stdout()))
}

fn schema(verb: SchemaVerb) -> u8 {
    let options = |modules: ModuleArgs, strict| SchemaOptions {
        files: modules.files,
        folders: modules.schema_dir,
        features: modules.feature,
        strict,
    };
    let out = &mut std::io::stdout().lock();
    ended(match verb {
        SchemaVerb::Lint(args) => daemon::lint(&options(args.modules, args.strict), out, &mut std::io::stderr()),
        SchemaVerb::Tree(args) => daemon::tree(&options(args, false), out),
        SchemaVerb::Validate(args) => daemon::validate_documents(&validate_options(args), out, &mut std::io::stderr()),
    })
}

fn validate_options(args: ValidateArgs) -> ValidateOptions {
    ValidateOptions {
        documents: args.documents,
        modules: args.modules,
        folders: args.schema_dir,
        features: args.feature,
        has_state: args.document_type == DocumentType::Data,
        format: args.format.map(|format| match format {
            DocumentFormat::Json => Format::Json,
            DocumentFormat::Xml => Format::Xml,
            DocumentFormat::Yaml => Format::Yaml,
        }),
        defaults: match args.defaults {
            DefaultsMode::Explicit => WithDefaults::Explicit,
            DefaultsMode::Trim => WithDefaults::Trim,
            DefaultsMode::ReportAll => WithDefaults::ReportAll,
        },
    }
}

fn demo(args: &DemoArgs) -> u8 {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let stay = (terminal && !args.no_shell).then(|| client_options(client::Input::Standard, true));
    daemon::start_log(LogForm::Text, environment("RUST_LOG").or_else(|| Some("error".to_owned())).as_deref());
    ended(daemon::demo(stay, std::io::stdout().is_terminal(), environment("NO_COLOR").is_none() && terminal))
}

fn receive(args: ReceiveArgs) -> u8 {
    daemon::start_log(LogForm::Text, environment("RUST_LOG").or_else(|| Some("warn".to_owned())).as_deref());
    let credentials = match (args.username, args.password_file) {
        (Some(username), Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => Some(Credentials { username, password: Secret::new(text.trim_end_matches(['\r', '\n'])) }),
            Err(error) => {
                return ended(Err(Stopped::failed("read the password", format!("`{}`: {error}", file.display()))));
            }
        },
        _ => None,
    };
    let mut secrets = Vec::with_capacity(args.secret.len());
    for secret in &args.secret {
        match SigningKey::parse(secret) {
            Ok(key) => secrets.push(key),
            Err(error) => return ended(Err(Stopped::failed("use --secret", error.to_string()))),
        }
    }
    let ReceiveArgs { listen, fail_every, .. } = args;
    ended(daemon::receive(ReceiverOptions { listen, credentials, secrets, fail_every }))
}

fn reference(what: Reference) -> u8 {
    ended(daemon::print_reference(matches!(what, Reference::Cli), &mut std::io::stdout()))
}
