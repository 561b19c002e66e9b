//! The modules of a set, found among the given texts and linked by import and include (RFC 7950 §5.1).

use super::argument::split_ref;
use super::compile::CompileOptions;
use super::grammar;
use super::keyword::Keyword;
use super::schema::{ModuleId, Prefixes};
use super::statement::{FileId, StatementId, Statements};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, nearest};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A module while it is compiled.
#[derive(Debug)]
pub(super) struct ModuleDraft {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Its latest revision.
    pub(super) revision: Option<Arc<str>>,
    /// Its own prefix.
    pub(super) prefix: Arc<str>,
    /// The `module` statement.
    pub(super) statement: StatementId,
    /// The `submodule` statements that belong to it, in the order included.
    pub(super) submodules: Vec<StatementId>,
    /// Whether its nodes are part of the schema.
    pub(super) implemented: bool,
    /// Whether it is one of those meant, and not only there because others import it.
    pub(super) is_given: bool,
    /// The name of the submodule that stands here alone, without the module it belongs to.
    pub(super) part: Option<Arc<str>>,
}

/// A `module` or `submodule` statement, and the module it is or belongs to.
type Body = (ModuleId, StatementId);

/// What a prefix stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefixed {
    /// A module.
    Module(ModuleId),
    /// An import that failed and is told already.
    Missing,
    /// Nothing.
    Unknown,
}

/// What the names in one text mean.
#[derive(Debug)]
struct FileScope {
    module: ModuleId,
    prefixes: HashMap<Arc<str>, Option<ModuleId>>,
    /// Those of the prefixes that stand for a module, once all imports are known.
    known: Prefixes,
    /// Whether the text is in YANG 1.1.
    is_1_1: bool,
}

impl FileScope {
    fn new(module: ModuleId, prefix: Option<Arc<str>>, is_1_1: bool) -> Self {
        let prefixes = prefix.map(|p| (p, Some(module))).into_iter().collect();
        Self { module, prefixes, known: Prefixes::default(), is_1_1 }
    }
}

/// All modules, linked.
#[derive(Debug, Default)]
pub(super) struct ModuleSet {
    /// All statements.
    pub(super) statements: Statements,
    /// The modules in the order given.
    pub(super) modules: Vec<ModuleDraft>,
    files: HashMap<FileId, FileScope>,
}

/// A submodule before it is attached to its module.
struct Submodule {
    name: Arc<str>,
    revision: Option<Arc<str>>,
    statement: StatementId,
    used: bool,
    is_given: bool,
}

impl ModuleSet {
    /// Reads and links the texts. Those that cannot be read are returned by their places: what refers to them cannot be judged.
    pub(super) fn load(
        sources: &[Arc<Source>],
        options: &CompileOptions,
        faults: &mut Diagnostics,
    ) -> (Self, Vec<usize>) {
        let mut set = Self::default();
        let mut submodules = Vec::new();
        let mut unreadable = Vec::new();
        let given = sources.len().saturating_sub(options.looked_up);
        for (at, source) in sources.iter().enumerate() {
            match set.read(source, faults) {
                Some(top) => set.register(top, at < given, &mut submodules, faults),
                None => unreadable.push(at),
            }
        }
        set.choose_implemented(|name| options.import_only.contains(name), faults);
        if unreadable.is_empty() {
            let modules = set.module_ids();
            set.include_all(modules, &mut submodules, faults);
            let parts = set.register_parts(&mut submodules);
            set.include_all(parts, &mut submodules, faults);
            set.tell_unused(&submodules, faults);
            set.import_all(faults);
            set.check_import_cycles(faults);
        }
        (set, unreadable)
    }

    /// Returns the statement of a module and those of its submodules.
    pub(super) fn bodies(&self, module: ModuleId) -> impl Iterator<Item = StatementId> + '_ {
        let draft = &self.modules[module.index()];
        std::iter::once(draft.statement).chain(draft.submodules.iter().copied())
    }

    /// Returns the statements of a module and its submodules, each after those that it includes.
    pub(super) fn bodies_inside_out(&self, module: ModuleId) -> Vec<StatementId> {
        let all: Vec<StatementId> = self.bodies(module).collect();
        let mut done: Vec<StatementId> = Vec::new();
        let mut way: Vec<(StatementId, Vec<StatementId>)> = vec![(self.modules[module.index()].statement, Vec::new())];
        let mut seen: HashSet<StatementId> = way.iter().map(|(body, _)| *body).collect();
        let included = |body: StatementId| -> Vec<StatementId> {
            let names: Vec<&str> =
                self.statements.all(body, Keyword::Include).map(|i| self.statements.argument(i)).collect();
            let find = |name: &&str| all.iter().copied().find(|other| self.statements.argument(*other) == *name);
            names.iter().rev().filter_map(find).collect()
        };
        if let Some((body, rest)) = way.last_mut() {
            *rest = included(*body);
        }
        while let Some((body, rest)) = way.last_mut() {
            match rest.pop() {
                Some(next) if seen.insert(next) => way.push((next, included(next))),
                Some(_) => {}
                None => {
                    done.push(*body);
                    way.pop();
                }
            }
        }
        done
    }

    /// Returns the statements of all modules and submodules in the order of the texts, each after those that it imports and
    /// includes.
    pub(super) fn texts_inside_out(&self) -> Vec<Body> {
        let mut all: Vec<(StatementId, ModuleId)> =
            self.module_ids().flat_map(|module| self.bodies(module).map(move |body| (body, module))).collect();
        all.sort_unstable();
        let mut done = Vec::new();
        let mut seen = HashSet::new();
        for (start, module) in all {
            let mut way: Vec<(Body, Vec<Body>)> = Vec::new();
            if seen.insert(start) {
                way.push(((module, start), self.asked_for(module, start)));
            }
            while let Some((text, rest)) = way.last_mut() {
                match rest.pop() {
                    Some((of, next)) if seen.insert(next) => way.push(((of, next), self.asked_for(of, next))),
                    Some(_) => {}
                    None => {
                        done.push(*text);
                        way.pop();
                    }
                }
            }
        }
        done
    }

    /// Returns the texts that one imports and includes, the last one first.
    fn asked_for(&self, module: ModuleId, body: StatementId) -> Vec<Body> {
        let imports = self.statements.all(body, Keyword::Import).filter_map(|import| {
            let revision = self.statements.first_argument(import, Keyword::RevisionDate);
            let found = self.find(self.statements.argument(import), revision.as_deref())?;
            Some((found, self.modules[found.index()].statement))
        });
        let submodules = &self.modules[module.index()].submodules;
        let includes = self.statements.all(body, Keyword::Include).filter_map(|include| {
            let name = self.statements.argument(include);
            Some((module, submodules.iter().copied().find(|s| self.statements.argument(*s) == name)?))
        });
        let mut asked: Vec<Body> = imports.chain(includes).collect();
        asked.reverse();
        asked
    }

    /// Returns the indices of all modules.
    pub(super) fn module_ids(&self) -> impl Iterator<Item = ModuleId> + use<> {
        (0..u32::try_from(self.modules.len()).unwrap_or(u32::MAX)).map(ModuleId)
    }

    /// Returns the module that a statement's text belongs to.
    pub(super) fn module_of(&self, statement: StatementId) -> ModuleId {
        let file = self.statements.get(statement).file;
        self.files.get(&file).map_or(ModuleId(0), |scope| scope.module)
    }

    /// Returns what a prefix stands for where a statement is written; no prefix stands for the statement's own module.
    pub(super) fn resolve_prefix(&self, at: StatementId, prefix: Option<&str>) -> Prefixed {
        let Some(scope) = self.files.get(&self.statements.get(at).file) else { return Prefixed::Missing };
        match prefix {
            None => Prefixed::Module(scope.module),
            Some(prefix) => match scope.prefixes.get(prefix) {
                Some(Some(module)) => Prefixed::Module(*module),
                Some(None) => Prefixed::Missing,
                None => Prefixed::Unknown,
            },
        }
    }

    /// Resolves `prefix:name` into module and name; an unknown prefix is reported, a failed import is not.
    pub(super) fn resolve_name<'t>(
        &self,
        at: StatementId,
        text: &'t str,
        faults: &mut Diagnostics,
    ) -> Option<(ModuleId, &'t str)> {
        let (prefix, name) = split_ref(text);
        match self.resolve_prefix(at, prefix) {
            Prefixed::Module(module) => Some((module, name)),
            Prefixed::Missing => None,
            Prefixed::Unknown => {
                faults.push(self.unknown_prefix(at, prefix.unwrap_or("")).at(self.statements.argument_span(at)));
                None
            }
        }
    }

    /// Builds the diagnostic for a prefix that is not declared.
    pub(super) fn unknown_prefix(&self, at: StatementId, prefix: &str) -> Diagnostic {
        let fault = Diagnostic::error(format!("prefix `{prefix}` is not declared in this module"));
        let known = self.files.get(&self.statements.get(at).file).map(|scope| scope.prefixes.keys());
        let mut known: Vec<&str> = known.into_iter().flatten().map(|p| &**p).collect();
        known.sort_unstable();
        match nearest(prefix, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("add `import … {{ prefix {prefix}; }}`")),
        }
    }

    /// Returns the prefixes that a module uses, and those of its submodules that do not mean something else in it.
    pub(super) fn prefixes(&self, module: ModuleId) -> HashMap<Arc<str>, ModuleId> {
        let mut all = HashMap::new();
        for body in self.bodies(module) {
            for (prefix, to) in self.known_prefixes(body).iter() {
                all.entry(Arc::clone(prefix)).or_insert(*to);
            }
        }
        all
    }

    /// Returns whether the text that a statement is in is YANG 1.1.
    pub(super) fn is_1_1(&self, at: StatementId) -> bool {
        self.files.get(&self.statements.get(at).file).is_some_and(|scope| scope.is_1_1)
    }

    fn states_1_1(&self, top: StatementId) -> bool {
        self.statements.first_argument(top, Keyword::YangVersion).as_deref() == Some("1.1")
    }

    /// Returns the prefixes that may be used where a statement is written.
    pub(super) fn known_prefixes(&self, at: StatementId) -> Prefixes {
        self.files.get(&self.statements.get(at).file).map(|scope| Arc::clone(&scope.known)).unwrap_or_default()
    }

    fn read(&mut self, source: &Arc<Source>, faults: &mut Diagnostics) -> Option<StatementId> {
        let top = self.statements.parse(source, faults)?;
        let Some(first) = top.first().copied() else {
            let what = format!("`{}` has no statement", source.name());
            faults.push(Diagnostic::error(what).hint("expected `module NAME { … }`"));
            return None;
        };
        if !matches!(self.statements.keyword(first), Some(Keyword::Module | Keyword::Submodule)) {
            let what = format!("expected `module` or `submodule`, found {}", self.statements.describe(first));
            faults.push(Diagnostic::error(what).at(self.statements.span(first)));
            return None;
        }
        for other in top.iter().skip(1) {
            let fault =
                Diagnostic::error(format!("{} follows the end of the module", self.statements.describe(*other)))
                    .hint("one text holds one module");
            faults.push(fault.at(self.statements.span(*other)));
        }
        let keyword = self.statements.keyword(first)?;
        if let Some(fault) = super::argument::check(&self.statements, first, keyword) {
            faults.push(fault.at(self.statements.argument_span(first)));
            return None;
        }
        grammar::check(&mut self.statements, first, faults);
        Some(first)
    }

    fn register(
        &mut self,
        top: StatementId,
        is_given: bool,
        submodules: &mut Vec<Submodule>,
        faults: &mut Diagnostics,
    ) {
        let name = self.statements.shared_argument(top);
        let revision = self.statements.all(top, Keyword::Revision).map(|r| self.statements.shared_argument(r)).max();
        let is_module = self.statements.keyword(top) == Some(Keyword::Module);
        let twin = if is_module {
            self.modules.iter().find(|m| m.name == name && m.revision == revision).map(|m| m.statement)
        } else {
            submodules.iter().find(|s| s.name == name && s.revision == revision).map(|s| s.statement)
        };
        if let Some(twin) = twin {
            let what = format!("{} is given twice", self.statements.describe(top));
            let hint = format!("the other one is at {}", self.statements.span(twin));
            faults.push(Diagnostic::error(what).at(self.statements.argument_span(top)).hint(hint));
            return;
        }
        if !is_module {
            submodules.push(Submodule { name, revision, statement: top, used: false, is_given });
            return;
        }
        let Ok(id) = u32::try_from(self.modules.len()).map(ModuleId) else { return };
        let prefix = self.statements.first_argument(top, Keyword::Prefix).unwrap_or_else(|| Arc::clone(&name));
        let scope = FileScope::new(id, Some(Arc::clone(&prefix)), self.states_1_1(top));
        self.files.insert(self.statements.get(top).file, scope);
        self.modules.push(ModuleDraft {
            name,
            revision,
            prefix,
            statement: top,
            submodules: Vec::new(),
            implemented: true,
            is_given,
            part: None,
        });
    }

    /// Of several revisions of a module only one is implemented (RFC 7950 §5.6.5): the one that is meant, else the latest.
    /// Namespaces must differ.
    fn choose_implemented(&mut self, is_import_only: impl Fn(&str) -> bool, faults: &mut Diagnostics) {
        let rank = |module: &ModuleDraft| (module.is_given, module.revision.clone());
        let mut best: HashMap<Arc<str>, (bool, Option<Arc<str>>)> = HashMap::new();
        for module in &self.modules {
            let so_far = best.entry(Arc::clone(&module.name)).or_default();
            *so_far = rank(module).max(so_far.clone());
        }
        for module in &mut self.modules {
            let is_best = best.get(&module.name).is_none_or(|best| *best == rank(module));
            module.implemented = is_best && !is_import_only(&module.name);
        }
        let mut namespaces: HashMap<Arc<str>, &ModuleDraft> = HashMap::new();
        for module in &self.modules {
            let Some(statement) = self.statements.first(module.statement, Keyword::Namespace) else { continue };
            let namespace = self.statements.shared_argument(statement);
            match namespaces.get(&namespace) {
                Some(other) if other.name != module.name => {
                    let what = format!("namespace `{namespace}` is that of module `{}` already", other.name);
                    faults.push(Diagnostic::error(what).at(self.statements.argument_span(statement)));
                }
                _ => {
                    namespaces.insert(namespace, module);
                }
            }
        }
    }

    /// Lets submodules that are meant stand for their modules where these are not there; returns those.
    fn register_parts(&mut self, submodules: &mut [Submodule]) -> Vec<ModuleId> {
        let mut parts = Vec::new();
        for submodule in submodules.iter_mut().filter(|s| !s.used && s.is_given) {
            let Some(owner) = self.statements.first(submodule.statement, Keyword::BelongsTo) else { continue };
            let name = self.statements.shared_argument(owner);
            if self.modules.iter().any(|m| m.name == name) {
                continue;
            }
            let Ok(id) = u32::try_from(self.modules.len()).map(ModuleId) else { continue };
            let prefix = self.statements.first_argument(owner, Keyword::Prefix).unwrap_or_else(|| Arc::clone(&name));
            let scope = FileScope::new(id, Some(Arc::clone(&prefix)), self.states_1_1(submodule.statement));
            self.files.insert(self.statements.get(submodule.statement).file, scope);
            submodule.used = true;
            self.modules.push(ModuleDraft {
                name,
                revision: submodule.revision.clone(),
                prefix,
                statement: submodule.statement,
                submodules: Vec::new(),
                implemented: true,
                is_given: true,
                part: Some(Arc::clone(&submodule.name)),
            });
            parts.push(id);
        }
        parts
    }

    fn tell_unused(&self, submodules: &[Submodule], faults: &mut Diagnostics) {
        for submodule in submodules.iter().filter(|s| !s.used) {
            let what = format!("submodule `{}` is included by no module", submodule.name);
            faults.push(Diagnostic::warning(what).at(self.statements.argument_span(submodule.statement)));
        }
    }

    fn include_all(
        &mut self,
        modules: impl IntoIterator<Item = ModuleId>,
        submodules: &mut [Submodule],
        faults: &mut Diagnostics,
    ) {
        for module in modules {
            let mut pending = vec![self.modules[module.index()].statement];
            while let Some(body) = pending.pop() {
                let includes: Vec<StatementId> = self.statements.all(body, Keyword::Include).collect();
                for include in includes {
                    self.check_include(module, body, include, faults);
                    if let Some(found) = self.include(module, include, submodules, faults) {
                        pending.push(found);
                    }
                }
            }
        }
    }

    /// A submodule does not include itself, and in YANG 1.1 the module includes all (RFC 7950 §7.1.6).
    fn check_include(&self, module: ModuleId, body: StatementId, include: StatementId, faults: &mut Diagnostics) {
        let main = self.modules[module.index()].statement;
        if body == main {
            return;
        }
        let name = self.statements.argument(include);
        let at = self.statements.argument_span(include);
        if self.statements.argument(body) == name {
            faults.push(Diagnostic::error(format!("submodule `{name}` includes itself")).at(at));
        } else if self.modules[module.index()].part.is_none() && self.states_1_1(main) && !self.includes(main, name) {
            let of = self.statements.argument(main);
            let fault =
                Diagnostic::error(format!("module `{of}` does not include `{name}`, which its submodule includes"));
            faults.push(fault.hint(format!("add `include {name};` to the module")).at(at));
        }
    }

    fn includes(&self, body: StatementId, name: &str) -> bool {
        self.statements.all(body, Keyword::Include).any(|include| self.statements.argument(include) == name)
    }

    /// Attaches one included submodule; returns it when it is new.
    fn include(
        &mut self,
        module: ModuleId,
        include: StatementId,
        submodules: &mut [Submodule],
        faults: &mut Diagnostics,
    ) -> Option<StatementId> {
        let name = self.statements.shared_argument(include);
        let wanted = self.statements.first_argument(include, Keyword::RevisionDate);
        let found = submodules
            .iter_mut()
            .filter(|s| s.name == name && (wanted.is_none() || s.revision == wanted))
            .max_by(|a, b| a.revision.cmp(&b.revision));
        let at = self.statements.argument_span(include);
        let Some(found) = found else {
            let what = format!("submodule `{name}`{} is not given", revision_text(wanted.as_ref()));
            let fault = Diagnostic::error(what).did_you_mean(&name, submodules.iter().map(|s| &*s.name));
            faults.push(fault.at(at));
            return None;
        };
        found.used = true;
        let statement = found.statement;
        let owner = self.statements.first(statement, Keyword::BelongsTo)?;
        let draft = &mut self.modules[module.index()];
        if self.statements.argument(owner) != &*draft.name {
            let what = format!("submodule `{name}` belongs to module `{}`", self.statements.argument(owner));
            faults.push(Diagnostic::error(what).at(at));
            return None;
        }
        if draft.submodules.contains(&statement) || draft.statement == statement {
            return None;
        }
        draft.submodules.push(statement);
        let prefix = self.statements.first_argument(owner, Keyword::Prefix);
        let (ours, its) = (self.states_1_1(self.modules[module.index()].statement), self.states_1_1(statement));
        if ours != its {
            let version = |is_1_1| if is_1_1 { "1.1" } else { "1" };
            let what = format!("submodule `{name}` is YANG {}, the module is YANG {}", version(its), version(ours));
            faults.push(Diagnostic::error(what).at(self.statements.argument_span(include)));
        }
        self.files.insert(self.statements.get(statement).file, FileScope::new(module, prefix, its));
        Some(statement)
    }

    fn import_all(&mut self, faults: &mut Diagnostics) {
        for module in self.module_ids() {
            for body in self.bodies(module).collect::<Vec<_>>() {
                let imports: Vec<StatementId> = self.statements.all(body, Keyword::Import).collect();
                for import in imports {
                    self.import(import, faults);
                }
            }
        }
        for scope in self.files.values_mut() {
            let known = scope.prefixes.iter().filter_map(|(prefix, to)| Some((Arc::clone(prefix), (*to)?)));
            scope.known = Arc::new(known.collect());
        }
    }

    fn import(&mut self, import: StatementId, faults: &mut Diagnostics) {
        let name = self.statements.shared_argument(import);
        let wanted = self.statements.first_argument(import, Keyword::RevisionDate);
        let found = self.find(&name, wanted.as_deref());
        if found.is_none() {
            let what = format!("module `{name}`{} is not given", revision_text(wanted.as_ref()));
            let known = self.modules.iter().map(|m| &*m.name).filter(|known| **known != *name);
            let fault = Diagnostic::error(what).did_you_mean(&name, known);
            faults.push(fault.at(self.statements.argument_span(import)));
        }
        if let Some(found) = found
            && wanted.is_some()
            && !self.is_1_1(import)
            && self.states_1_1(self.modules[found.index()].statement)
        {
            let what = format!("YANG 1 cannot import a revision of `{name}`, which is YANG 1.1");
            let fault = Diagnostic::error(what).hint("leave `revision-date` out (RFC 7950 §12)");
            faults.push(fault.at(self.statements.argument_span(import)));
        }
        let Some(prefix_at) = self.statements.first(import, Keyword::Prefix) else { return };
        let prefix = self.statements.shared_argument(prefix_at);
        let file = self.statements.get(import).file;
        let Some(scope) = self.files.get_mut(&file) else { return };
        if scope.prefixes.contains_key(&prefix) {
            let what = format!("prefix `{prefix}` is declared twice");
            faults.push(Diagnostic::error(what).at(self.statements.argument_span(prefix_at)));
            return;
        }
        scope.prefixes.insert(prefix, found);
    }

    /// Finds a module by name, and by revision when one is wanted; else the one that is implemented, or the latest.
    fn find(&self, name: &str, revision: Option<&str>) -> Option<ModuleId> {
        self.module_ids()
            .filter(|id| {
                let module = &self.modules[id.index()];
                &*module.name == name && (revision.is_none() || module.revision.as_deref() == revision)
            })
            .max_by_key(|id| {
                let module = &self.modules[id.index()];
                (module.implemented, module.is_given, module.revision.clone())
            })
    }

    fn check_import_cycles(&self, faults: &mut Diagnostics) {
        let edges: Vec<Vec<(ModuleId, StatementId)>> = self.module_ids().map(|m| self.imports_of(m)).collect();
        let mut done = vec![false; edges.len()];
        for start in self.module_ids() {
            let mut way: Vec<(ModuleId, usize)> = vec![(start, 0)];
            while let Some((module, next)) = way.last_mut() {
                let module = *module;
                if done[module.index()] {
                    way.pop();
                    continue;
                }
                let Some((to, import)) = edges[module.index()].get(*next).copied() else {
                    done[module.index()] = true;
                    way.pop();
                    continue;
                };
                *next += 1;
                if let Some(from) = way.iter().position(|(on_way, _)| *on_way == to) {
                    let names: Vec<&str> = way.iter().skip(from).map(|(m, _)| &*self.modules[m.index()].name).collect();
                    let what = format!(
                        "modules import each other: `{}` → `{}`",
                        names.join("` → `"),
                        self.statements.argument(import)
                    );
                    faults.push(Diagnostic::error(what).at(self.statements.argument_span(import)));
                } else {
                    way.push((to, 0));
                }
            }
        }
    }

    fn imports_of(&self, module: ModuleId) -> Vec<(ModuleId, StatementId)> {
        let imports = self.bodies(module).flat_map(|body| self.statements.all(body, Keyword::Import));
        imports
            .filter_map(|import| {
                let revision = self.statements.first_argument(import, Keyword::RevisionDate);
                Some((self.find(self.statements.argument(import), revision.as_deref())?, import))
            })
            .collect()
    }
}

fn revision_text(revision: Option<&Arc<str>>) -> String {
    revision.map_or_else(String::new, |date| format!(" in revision {date}"))
}
