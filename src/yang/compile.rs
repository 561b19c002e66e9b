//! Module texts in, schema out: the order of the steps and what they share.

use super::augment::Augmented;
use super::definitions::Definitions;
use super::draft::{DraftId, Drafts};
use super::finish;
use super::identity::Identities;
use super::leafref_path::LeafrefPath;
use super::module_set::{ModuleSet, Prefixed};
use super::outline;
use super::schema::{ModuleId, SchemaTree};
use super::statement::{StatementId, Word};
use super::types::RawType;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The module whose extensions the element itself understands.
pub(super) const OWN_EXTENSIONS: &str = "annunciator-extensions";

/// Which features are on (RFC 7950 §5.6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Features {
    /// All features of all modules.
    #[default]
    All,
    /// Only these, by module.
    Only(BTreeMap<String, BTreeSet<String>>),
    /// Of the modules listed only these, of all others all.
    Listed(BTreeMap<String, BTreeSet<String>>),
}

impl Features {
    /// Returns whether a feature is on.
    #[must_use]
    pub fn is_enabled(&self, module: &str, feature: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(on) => on.get(module).is_some_and(|features| features.contains(feature)),
            Self::Listed(on) => on.get(module).is_none_or(|features| features.contains(feature)),
        }
    }
}

/// What a compilation is asked for besides the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompileOptions {
    /// The features that are on.
    pub features: Features,
    /// Modules that only lend their definitions: their own nodes are left out of the schema.
    pub import_only: BTreeSet<String>,
    /// How many of the texts, the last ones, are there only because others ask for them: what is odd about them is not told,
    /// and of several revisions of a module one that is not among them is implemented.
    pub looked_up: usize,
    /// Whether to tell what is a matter of good form only, such as a missing description.
    pub strict: bool,
    /// The messages that documents may hold: the schema then has them as containers with presence, at their places and
    /// with their parameters as children, as they are in the accessible tree (RFC 7950 §6.4.1).
    pub message: Option<Message>,
}

/// What operations and notifications make documents of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// What an `rpc` or `action` is invoked with: its input.
    Request,
    /// What an `rpc` or `action` answers: its output.
    Reply,
    /// A notification.
    Notification,
}

/// Compiles modules into a schema; imports and includes are looked for among the texts given. Nodes of several
/// modules at one place follow the order in which the texts are given.
///
/// # Errors
/// All faults of all texts, in the order of the texts.
pub fn compile(sources: &[Arc<Source>], options: &CompileOptions) -> Result<(SchemaTree, Diagnostics), Diagnostics> {
    let mut faults = Diagnostics::new();
    let (set, unreadable) = ModuleSet::load(sources, options, &mut faults);
    if !unreadable.is_empty() {
        // What refers to a text that cannot be read cannot be judged; all others are.
        let (rest, looked_up) = outline::apart_from(sources, options.looked_up, &unreadable);
        if let Err(more) = compile(&rest, &CompileOptions { looked_up, ..options.clone() }) {
            faults.append(more);
        }
        return Err(in_reading_order(faults, sources, |_| true));
    }
    let definitions = Definitions::collect(&set, &mut faults);
    let mut compiler = Compiler::new(&set, &definitions, options, faults);
    compiler.collect_identities();
    compiler.check_statements();
    compiler.expand_modules();
    if compiler.drafts.is_full() {
        // What was left out for want of room would be missed everywhere else.
        return Err(in_reading_order(compiler.faults, sources, |_| true));
    }
    compiler.apply_augments();
    compiler.apply_deviations();
    compiler.expand_unused_groupings();
    compiler.advise();
    let (tree, faults) = finish::finish(compiler);
    let given = sources.len().saturating_sub(options.looked_up);
    let looked_up: HashSet<*const Source> = sources.iter().skip(given).map(Arc::as_ptr).collect();
    let is_told =
        |d: &Diagnostic| d.is_error() || !d.span.as_ref().is_some_and(|s| looked_up.contains(&Arc::as_ptr(&s.source)));
    in_reading_order(faults, sources, is_told).into_result(tree)
}

/// Sorts faults by place and leaves out repetitions: a grouping's fault shows at each use of it.
fn in_reading_order(
    faults: Diagnostics,
    sources: &[Arc<Source>],
    is_told: impl Fn(&Diagnostic) -> bool,
) -> Diagnostics {
    let dropped = faults.dropped();
    let order: HashMap<*const Source, usize> = sources.iter().enumerate().map(|(at, s)| (Arc::as_ptr(s), at)).collect();
    let mut list: Vec<Diagnostic> = faults.into_iter().filter(is_told).collect();
    let place = |d: &Diagnostic| d.span.as_ref().map(|s| (order.get(&Arc::as_ptr(&s.source)).copied(), s.start));
    list.sort_by_key(place);
    let mut seen = HashSet::new();
    list.retain(|d| seen.insert((place(d), d.message.clone())));
    let mut sorted = Diagnostics::new();
    sorted.extend(list);
    sorted.drop_more(dropped);
    sorted
}

/// What the steps of a compilation share.
pub(super) struct Compiler<'a> {
    /// The modules.
    pub(super) set: &'a ModuleSet,
    /// The definitions at their top levels.
    pub(super) definitions: &'a Definitions,
    /// What was asked for.
    pub(super) options: &'a CompileOptions,
    /// What is wrong.
    pub(super) faults: Diagnostics,
    /// The `if-feature` statements evaluated; `None` while one is.
    pub(super) conditions: HashMap<StatementId, Option<bool>>,
    /// How many features are being looked into.
    pub(super) feature_depth: usize,
    /// The identities.
    pub(super) identities: Identities,
    /// The `type` statements read; `None` while one is.
    pub(super) types: HashMap<StatementId, Option<Arc<RawType>>>,
    /// How many types are being read.
    pub(super) type_depth: usize,
    /// The patterns compiled.
    pub(super) patterns: HashMap<Arc<str>, regex::Regex>,
    /// The leafref paths read; `None` for a wrong one.
    pub(super) paths: HashMap<StatementId, Option<Arc<LeafrefPath>>>,
    /// The nodes.
    pub(super) drafts: Drafts,
    /// The groupings being used, outermost first.
    pub(super) uses: Vec<StatementId>,
    /// The groupings that were used.
    pub(super) used: HashSet<StatementId>,
    /// Those that were not, expanded apart from the tree.
    pub(super) apart: Vec<DraftId>,
    /// How many uses were expanded.
    pub(super) expansions: usize,
    /// The augments applied, those of `uses` included.
    pub(super) augmented: Vec<Augmented>,
}

impl<'a> Compiler<'a> {
    fn new(set: &'a ModuleSet, definitions: &'a Definitions, options: &'a CompileOptions, faults: Diagnostics) -> Self {
        Self {
            set,
            definitions,
            options,
            faults,
            conditions: HashMap::new(),
            feature_depth: 0,
            identities: Identities::default(),
            types: HashMap::new(),
            type_depth: 0,
            patterns: HashMap::new(),
            paths: HashMap::new(),
            drafts: Drafts::new(),
            uses: Vec::new(),
            used: HashSet::new(),
            apart: Vec::new(),
            expansions: 0,
            augmented: Vec::new(),
        }
    }

    /// Adds a fault at the argument of a statement.
    pub(super) fn fault_at(&mut self, at: StatementId, what: impl Into<String>) {
        self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(at)));
    }

    /// Returns the module and name of an extension statement.
    pub(super) fn extension(&self, statement: StatementId) -> Option<(ModuleId, &'a Arc<str>)> {
        let Word::Extension { prefix, name } = &self.set.statements.get(statement).word else { return None };
        match self.set.resolve_prefix(statement, Some(prefix)) {
            Prefixed::Module(module) => Some((module, name)),
            Prefixed::Missing | Prefixed::Unknown => None,
        }
    }

    /// Returns whether a statement is the element's own extension of that name.
    pub(super) fn is_own_extension(&self, statement: StatementId, name: &str) -> bool {
        self.extension(statement).is_some_and(|(module, found)| {
            &**found == name && &*self.set.modules[module.index()].name == OWN_EXTENSIONS
        })
    }

    /// Returns the substatement that is the element's own extension of that name.
    pub(super) fn own_extension(&self, statement: StatementId, name: &str) -> Option<StatementId> {
        self.set.statements.get(statement).children.iter().copied().find(|s| self.is_own_extension(*s, name))
    }
}
