//! The command line: verbs, flags and their defaults.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// The alarm annunciator.
///
/// Without a verb, on a terminal: runs the element with a shell on it.
#[derive(Debug, Parser)]
#[command(name = "annunciator", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    /// What `run` takes, for the verbless form.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run the element in the foreground.
    Run(RunArgs),
    /// Open a shell on a running element, or run commands in it.
    Shell(ShellArgs),
    /// Check configuration files without an element.
    Check(CheckArgs),
    /// Show the element at work, in a temporary folder.
    Demo(DemoArgs),
    /// Receive webhooks: the other side, for trying things out.
    Receive(ReceiveArgs),
    /// Judge and show YANG modules, any.
    Schema {
        /// What to do with them.
        #[command(subcommand)]
        verb: SchemaVerb,
    },
    /// Print a generated reference.
    #[command(hide = true)]
    Reference {
        /// Which one.
        #[arg(value_enum)]
        what: Reference,
    },
}

/// The generated references.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Reference {
    /// `docs/cli.md`, from the command table.
    Cli,
    /// `docs/configuration.md`, from the schema.
    Configuration,
}

/// Flags of `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Configuration file, or folder of such files, loaded at the first start; may be repeated. Default: `config/`.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) config: Vec<PathBuf>,
    /// Load the configuration files in place of the stored configuration, as one commit.
    #[arg(long)]
    pub(crate) config_override: bool,
    /// Folder of everything that the element keeps.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Socket of the shell. Default: `annunciator.sock` in the data folder.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Folder of YANG modules that stand beside the element's own, with all folders in it; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub(crate) schema_dir: Vec<PathBuf>,
    /// Address of the HTTP listener; wins over the configuration.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) http_listen: Option<SocketAddr>,
    /// Make a new key though stored secrets were encrypted with one that is lost; they must then be set again.
    #[arg(long)]
    pub(crate) new_key: bool,
    /// Form of the log on standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Open a shell on the element in this terminal; leaving it stops the element.
    #[arg(long)]
    pub(crate) shell: bool,
    /// End the process at a named point of a commit: for crash tests.
    #[arg(long, value_name = "POINT", hide = true)]
    pub(crate) crash_at: Option<String>,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Flags of `shell`.
#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    /// Socket of the element. Default: `annunciator.sock` in the data folder.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Folder of the element that the default socket is in.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Command to run; may be repeated. Stops at the first that fails.
    #[arg(short = 'c', value_name = "CMD", conflicts_with = "file")]
    pub(crate) command: Vec<String>,
    /// File of commands to run. Stops at the first that fails.
    #[arg(short = 'f', value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Never stop at a full screen.
    #[arg(long)]
    pub(crate) no_pager: bool,
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration files or folders; together they are one configuration.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Data folder whose key opens encrypted secrets.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of YANG modules that stand beside the element's own, with all folders in it; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub(crate) schema_dir: Vec<PathBuf>,
}

/// What to do with YANG modules.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaVerb {
    /// Check modules: all faults, each with its place. Exit code 0 or 2.
    Lint(LintArgs),
    /// Print modules as tree diagrams (RFC 8340).
    Tree(ModuleArgs),
    /// Check documents against modules. Exit code 0 or 2.
    Validate(ValidateArgs),
}

/// Flags of `schema validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Documents in JSON, XML or YAML, by extension or else by how they begin; each is judged for itself. `-` is standard input.
    #[arg(required = true, value_name = "DATA")]
    pub(crate) documents: Vec<PathBuf>,
    /// A module that the documents have data of: its name, `NAME@REVISION`, or its file; may be repeated.
    #[arg(short = 'm', long = "module", required = true, value_name = "MODULE")]
    pub(crate) modules: Vec<String>,
    /// Folder in which modules are looked up, with all folders in it; may be repeated. Default: the current one.
    #[arg(long, value_name = "DIR")]
    pub(crate) schema_dir: Vec<PathBuf>,
    /// A feature that is on: all others of its module are then off. `MODULE:` turns all of them off; may be repeated.
    /// Modules that are not named have all features on.
    #[arg(long, value_name = "MODULE:NAME", value_parser = module_feature)]
    pub(crate) feature: Vec<(String, String)>,
    /// What a document holds.
    #[arg(short = 't', long = "type", value_enum, default_value_t = DocumentType::Data)]
    pub(crate) document_type: DocumentType,
    /// The data that a message may refer to and look at; without it there is nothing besides the message.
    #[arg(short = 'O', long, value_name = "DATA")]
    pub(crate) operational: Option<PathBuf>,
    /// Print the documents in this notation; otherwise a valid one prints nothing.
    #[arg(long, value_enum)]
    pub(crate) format: Option<DocumentFormat>,
    /// Which values that are defaults are printed (RFC 6243).
    #[arg(long, value_enum, default_value_t = DefaultsMode::Explicit, requires = "format")]
    pub(crate) defaults: DefaultsMode,
}

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentType {
    /// Configuration and state.
    Data,
    /// Configuration only.
    Config,
    /// What an RPC or an action is invoked with: its input, in the element named for it.
    #[value(alias = "nc-rpc", alias = "action")]
    Rpc,
    /// What an RPC or an action answers: its output, in the element named for it.
    Reply,
    /// A notification.
    #[value(alias = "notif", alias = "nc-notif")]
    Notification,
}

/// Notations of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// RFC 7951.
    Json,
    /// RFC 7950, as siblings.
    Xml,
    /// The shape of RFC 7951 as YAML.
    Yaml,
}

/// Which values that are defaults are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DefaultsMode {
    /// Those that the document gives.
    Explicit,
    /// None.
    Trim,
    /// All.
    ReportAll,
}

/// Flags of `schema lint`.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) modules: ModuleArgs,
    /// Also tell what is a matter of good form only, such as a missing description.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Which modules.
#[derive(Debug, Args)]
pub(crate) struct ModuleArgs {
    /// Modules or submodules.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder in which imports are looked up, with all folders in it; may be repeated. Those beside the files are found too.
    #[arg(long, value_name = "DIR")]
    pub(crate) schema_dir: Vec<PathBuf>,
    /// A feature that is on: all others of its module are then off. `MODULE:` turns all of them off; may be repeated.
    /// Modules that are not named have all features on.
    #[arg(long, value_name = "MODULE:NAME", value_parser = module_feature)]
    pub(crate) feature: Vec<(String, String)>,
}

fn module_feature(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((module, feature)) if !module.is_empty() => Ok((module.to_owned(), feature.to_owned())),
        _ => Err("expected MODULE:NAME".to_owned()),
    }
}

/// Flags of `receive`.
#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// User name that senders must give (HTTP Basic).
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) username: Option<String>,
    /// File with the password that senders must give.
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(crate) password_file: Option<PathBuf>,
    /// Secret (`whsec_…`) that notifications must be signed with; may be repeated while one takes the place of another.
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Vec<String>,
    /// Answer each Nth notification with 503, to watch a sender's retries.
    #[arg(long, value_name = "N")]
    pub(crate) fail_every: Option<NonZeroU64>,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after the tour, on a terminal too.
    #[arg(long)]
    pub(crate) no_shell: bool,
}
