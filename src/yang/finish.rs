//! Drafts into the schema tree: indices, inherited properties, names.

use super::compile::{Compiler, Message};
use super::draft::{Draft, DraftId, DraftKind};
use super::keyword::Keyword;
use super::schema::{
    Augment, BaseType, Condition, ExtensionUse, LeafListSchema, LeafSchema, ListSchema, Module, ModuleId, NodeKind,
    SchemaId, SchemaNode, SchemaTree, Status, Submodule, Type, Written,
};
use super::statement::StatementId;
use super::xpath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use std::collections::HashMap;
use std::sync::Arc;

/// A schema that is being put together.
pub(super) struct Finish<'c, 'a> {
    /// What the drafts came from.
    pub(super) compiler: &'c mut Compiler<'a>,
    /// The nodes so far.
    pub(super) nodes: Vec<SchemaNode>,
    /// The draft that each node comes from.
    pub(super) drafts: Vec<DraftId>,
    /// Data children by name.
    pub(super) by_name: HashMap<SchemaId, HashMap<Arc<str>, Vec<SchemaId>>>,
    /// How many of the nodes are of the tree: those behind are of groupings that nobody uses, and only checked.
    pub(super) real: usize,
    /// What a leaf has until its type is resolved.
    placeholder: Arc<Type>,
}

/// What a node takes from above.
#[derive(Clone, Copy)]
struct Above {
    parent: SchemaId,
    data_parent: SchemaId,
    list_depth: u8,
    config: bool,
    /// Below an operation or a notification, where `config` says nothing.
    is_message: bool,
    status: Status,
}

/// Puts the schema together. The tree is whole only when there are no errors.
pub(super) fn finish(mut compiler: Compiler<'_>) -> (SchemaTree, Diagnostics) {
    let text = BaseType::String { length: None, patterns: Vec::new() };
    let placeholder = Arc::new(Type { name: Arc::from("string"), base: text, default: None, units: None });
    let mut finish = Finish {
        compiler: &mut compiler,
        nodes: Vec::new(),
        drafts: Vec::new(),
        by_name: HashMap::new(),
        real: 0,
        placeholder,
    };
    finish.nodes.push(root());
    finish.drafts.push(DraftId::ROOT);
    let above = Above {
        parent: SchemaId::ROOT,
        data_parent: SchemaId::ROOT,
        list_depth: 0,
        config: true,
        is_message: false,
        status: Status::Current,
    };
    finish.visit_children(DraftId::ROOT, above);
    finish.real = finish.nodes.len();
    for apart in finish.compiler.apart.clone() {
        finish.visit_apart(apart, above);
    }
    finish.resolve_lists();
    finish.resolve_types();
    finish.check_nodes();
    let (mut nodes, mut by_name) = (finish.nodes, finish.by_name);
    nodes.truncate(finish.real);
    by_name.retain(|id, _| id.index() < finish.real);
    let modules = compiler.set.module_ids().map(|id| module(&compiler, id)).collect();
    let augments = augments(&compiler);
    let mut tree = SchemaTree { nodes, modules, identities: compiler.identities.list, by_name, augments };
    xpath::compile_conditions(&mut tree, &mut compiler.faults);
    (tree, compiler.faults)
}

fn root() -> SchemaNode {
    SchemaNode {
        id: SchemaId::ROOT,
        parent: None,
        data_parent: SchemaId::ROOT,
        module: ModuleId(0),
        name: Arc::from(""),
        kind: NodeKind::Root,
        children: Vec::new(),
        data_children: Vec::new(),
        slot: 0,
        list_depth: 0,
        config: true,
        mandatory: false,
        status: Status::Current,
        description: None,
        reference: None,
        musts: Vec::new(),
        whens: Vec::new(),
        extensions: Vec::new(),
        span: None,
        written: Written { keyword: "", status: Status::Current, if_features: Vec::new(), type_name: None, key: None },
    }
}

/// Returns the augments at the top level of modules, module by module in the order written.
fn augments(compiler: &Compiler<'_>) -> Vec<Augment> {
    let mut all: Vec<(ModuleId, StatementId, Augment)> = Vec::new();
    for augmented in &compiler.augmented {
        let statements = &compiler.set.statements;
        let is_at_top = statements.get(augmented.statement).parent.is_some_and(|p| statements.get(p).parent.is_none());
        let Some(target) = compiler.drafts.get(augmented.target).id.filter(|_| is_at_top) else { continue };
        let module = compiler.set.module_of(augmented.statement);
        let written = augmented.added.iter().map(|id| compiler.written(*id));
        let nodes = written.filter_map(|id| compiler.drafts.get(id).id).collect();
        let path = statements.shared_argument(augmented.statement);
        let span = statements.span(augmented.statement);
        all.push((module, augmented.statement, Augment { module, path, target, nodes, span }));
    }
    // The texts of a module are read in one go, each statement after those before it.
    let order: HashMap<_, _> = compiler
        .set
        .module_ids()
        .flat_map(|m| compiler.set.bodies(m))
        .enumerate()
        .map(|(at, body)| (compiler.set.statements.get(body).file, at))
        .collect();
    all.sort_by_key(|(module, at, _)| (*module, order.get(&compiler.set.statements.get(*at).file).copied(), *at));
    all.into_iter().map(|(_, _, augment)| augment).collect()
}

fn module(compiler: &Compiler<'_>, id: ModuleId) -> Module {
    let draft = &compiler.set.modules[id.index()];
    let argument = |keyword| compiler.set.statements.first_argument(draft.statement, keyword);
    Module {
        name: Arc::clone(&draft.name),
        namespace: argument(Keyword::Namespace).unwrap_or_else(|| Arc::from("")),
        prefix: Arc::clone(&draft.prefix),
        revision: draft.revision.clone(),
        description: argument(Keyword::Description),
        prefixes: compiler.set.prefixes(id),
        implemented: draft.implemented,
        features: compiler
            .set
            .bodies(id)
            .flat_map(|body| compiler.set.statements.all(body, Keyword::Feature))
            .map(|feature| compiler.set.statements.shared_argument(feature))
            .collect(),
        part: draft.part.clone(),
        submodules: draft.submodules.iter().map(|s| submodule(compiler, *s)).collect(),
    }
}

fn submodule(compiler: &Compiler<'_>, statement: StatementId) -> Submodule {
    let statements = &compiler.set.statements;
    Submodule {
        name: statements.shared_argument(statement),
        source: Arc::clone(statements.source(statements.get(statement).file)),
        includes: statements.all(statement, Keyword::Include).map(|i| statements.shared_argument(i)).collect(),
    }
}

impl Finish<'_, '_> {
    /// Returns the draft of a node.
    pub(super) fn draft(&self, id: SchemaId) -> &Draft {
        self.compiler.drafts.get(self.drafts[id.index()])
    }

    fn visit_children(&mut self, draft: DraftId, above: Above) {
        let children = self.compiler.drafts.get(draft).children.clone();
        let mut names: HashMap<(ModuleId, Arc<str>), DraftId> = HashMap::new();
        for child in children {
            let it = self.compiler.drafts.get(child);
            if !it.is_enabled || it.is_removed {
                continue;
            }
            if let Some(first) = names.insert((it.module, Arc::clone(&it.name)), child) {
                self.tell_duplicate(child, first);
                continue;
            }
            self.visit(child, above);
        }
    }

    /// Visits a grouping that nobody uses, below a node that is nobody's child.
    fn visit_apart(&mut self, draft: DraftId, above: Above) {
        let Ok(id) = u32::try_from(self.nodes.len()).map(SchemaId) else { return };
        let node = self.node(id, draft, true, above);
        let status = node.status;
        self.nodes.push(node);
        self.drafts.push(draft);
        self.visit_children(draft, Above { parent: id, data_parent: id, status, ..above });
    }

    /// Returns whether a node is only there to be checked.
    pub(super) fn is_apart(&self, id: SchemaId) -> bool {
        id.index() >= self.real
    }

    fn tell_duplicate(&mut self, second: DraftId, first: DraftId) {
        let statements = &self.compiler.set.statements;
        let second = self.compiler.drafts.get(second);
        let what = format!("`{}` is there already among its siblings", second.name);
        let mut fault = Diagnostic::error(what).at_maybe(second.statement.map(|s| statements.argument_span(s)));
        if let Some(other) = self.compiler.drafts.get(first).statement {
            fault = fault.hint(format!("the other one is at {}", statements.span(other)));
        }
        self.compiler.faults.push(fault);
    }

    fn visit(&mut self, draft_id: DraftId, above: Above) {
        let Ok(id) = u32::try_from(self.nodes.len()).map(SchemaId) else { return };
        let config = self.config(draft_id, above);
        self.compiler.drafts.get_mut(draft_id).id = Some(id);
        let mut node = self.node(id, draft_id, config, above);
        let parameters = self.parameters(draft_id);
        if let Some(parameters) = parameters {
            node.kind = NodeKind::Container { presence: Some(Arc::from("a message")) };
            if parameters != draft_id {
                self.compiler.drafts.get_mut(parameters).id = Some(id);
                let musts = self.compiler.drafts.get(parameters).all(Keyword::Must);
                node.musts = musts.map(|s| self.condition(s)).collect();
            }
        }
        let (kind, module, name) = (self.compiler.drafts.get(draft_id).kind, node.module, Arc::clone(&node.name));
        let (list_depth, status) = (node.list_depth, node.status);
        self.nodes.push(node);
        self.drafts.push(draft_id);
        self.nodes[above.parent.index()].children.push(id);
        let is_data = matches!(
            kind,
            DraftKind::Container | DraftKind::List | DraftKind::Leaf | DraftKind::LeafList | DraftKind::AnyData
        );
        if is_data || parameters.is_some() {
            self.enter(id, module, name, above);
        }
        let is_transparent = matches!(kind, DraftKind::Choice | DraftKind::Case);
        let is_message = above.is_message || matches!(kind, DraftKind::Operation | DraftKind::Notification);
        let data_parent = if is_transparent { above.data_parent } else { id };
        let inside = parameters.unwrap_or(draft_id);
        self.visit_children(inside, Above { parent: id, data_parent, list_depth, config, is_message, status });
    }

    /// Returns what holds the parameters of a message that documents may hold: half of an operation, or a notification itself.
    fn parameters(&self, draft_id: DraftId) -> Option<DraftId> {
        let draft = self.compiler.drafts.get(draft_id);
        let half = |kind| draft.children.iter().copied().find(|id| self.compiler.drafts.get(*id).kind == kind);
        match (self.compiler.options.message?, draft.kind) {
            (Message::Request, DraftKind::Operation) => half(DraftKind::Input),
            (Message::Reply, DraftKind::Operation) => half(DraftKind::Output),
            (Message::Notification, DraftKind::Notification) => Some(draft_id),
            _ => None,
        }
    }

    /// Enters a data node among the data children of its data parent.
    fn enter(&mut self, id: SchemaId, module: ModuleId, name: Arc<str>, above: Above) {
        let slots = &mut self.nodes[above.data_parent.index()].data_children;
        let slot = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        slots.push(id);
        self.nodes[id.index()].slot = slot;
        let same: &mut Vec<SchemaId> = self.by_name.entry(above.data_parent).or_default().entry(name).or_default();
        let twin = same.iter().copied().find(|other| self.nodes[other.index()].module == module);
        same.push(id);
        if let Some(twin) = twin {
            // Of different cases: siblings in one are told apart before.
            self.tell_duplicate(self.drafts[id.index()], self.drafts[twin.index()]);
        }
    }

    fn config(&mut self, draft: DraftId, above: Above) -> bool {
        if above.is_message {
            return false;
        }
        let draft = self.compiler.drafts.get(draft);
        if matches!(draft.kind, DraftKind::Operation | DraftKind::Notification) {
            return false;
        }
        let Some(statement) = draft.property(Keyword::Config) else { return above.config };
        let stated = self.compiler.set.statements.argument(statement) == "true";
        if stated && !above.config {
            let fault = Diagnostic::error(format!("`{}` cannot be configuration: what it is in is not", draft.name));
            let at = self.compiler.set.statements.span(statement);
            self.compiler.faults.push(fault.at(at));
        }
        stated && above.config
    }

    fn node(&self, id: SchemaId, draft_id: DraftId, config: bool, above: Above) -> SchemaNode {
        let statements = &self.compiler.set.statements;
        let draft = self.compiler.drafts.get(draft_id);
        let text = |keyword| draft.property(keyword).map(|s| statements.shared_argument(s));
        let status = text(Keyword::Status).map_or(above.status, |status| Status::read(Some(&status)));
        SchemaNode {
            id,
            parent: Some(above.parent),
            data_parent: above.data_parent,
            module: draft.module,
            name: Arc::clone(&draft.name),
            kind: self.kind(draft),
            children: Vec::new(),
            data_children: Vec::new(),
            slot: 0,
            list_depth: above.list_depth.saturating_add(u8::from(draft.kind == DraftKind::List)),
            config,
            mandatory: text(Keyword::Mandatory).as_deref() == Some("true"),
            status,
            description: text(Keyword::Description),
            reference: text(Keyword::Reference),
            musts: draft.all(Keyword::Must).map(|s| self.condition(s)).collect(),
            whens: draft.whens.iter().map(|(s, outer)| (self.condition(*s), *outer)).collect(),
            extensions: draft.extensions.iter().filter_map(|s| self.extension(*s)).collect(),
            span: draft.statement.map(|s| statements.span(s)),
            written: self.written(draft),
        }
    }

    fn written(&self, draft: &Draft) -> Written {
        let statements = &self.compiler.set.statements;
        let text = |keyword| draft.property(keyword).map(|s| statements.shared_argument(s));
        let keyword = match draft.kind {
            DraftKind::Case => "case",
            DraftKind::Input => "input",
            DraftKind::Output => "output",
            _ => draft.statement.and_then(|s| statements.keyword(s)).map_or("", Keyword::as_str),
        };
        let stated = draft.property(Keyword::Status).or_else(|| {
            // An implied case is as much in use as the node that implies it.
            draft.statement.filter(|_| draft.kind == DraftKind::Case).and_then(|s| statements.first(s, Keyword::Status))
        });
        let status = Status::read(stated.map(|s| statements.argument(s)));
        let mut if_features: Vec<Arc<str>> = draft.if_features.iter().map(|s| statements.shared_argument(*s)).collect();
        for feature in draft.augment_features.iter().map(|s| statements.shared_argument(*s)) {
            if !if_features.contains(&feature) {
                if_features.push(feature);
            }
        }
        let type_name = draft.property(Keyword::Type).map(|s| {
            let name = statements.shared_argument(s);
            let foreign = self.compiler.set.module_of(s);
            if draft.has_foreign_type && !super::types::BUILTIN_NAMES.contains(&&*name) && !name.contains(':') {
                Arc::from(format!("{}:{name}", self.compiler.set.modules[foreign.index()].prefix))
            } else {
                name
            }
        });
        Written { keyword, status, if_features, type_name, key: text(Keyword::Key) }
    }

    fn kind(&self, draft: &Draft) -> NodeKind {
        let statements = &self.compiler.set.statements;
        let text = |keyword| draft.property(keyword).map(|s| statements.shared_argument(s));
        let min_elements = text(Keyword::MinElements).and_then(|n| n.parse().ok()).unwrap_or(0);
        // `unbounded` is no number.
        let max_elements = text(Keyword::MaxElements).and_then(|n| n.parse().ok());
        let user_ordered = text(Keyword::OrderedBy).as_deref() == Some("user");
        let secret = draft.extensions.iter().any(|s| self.compiler.is_own_extension(*s, "secret"));
        let ty = Arc::clone(&self.placeholder);
        match draft.kind {
            DraftKind::Root => NodeKind::Root,
            DraftKind::Container => NodeKind::Container { presence: text(Keyword::Presence) },
            DraftKind::List => NodeKind::List(ListSchema {
                keys: Vec::new(),
                user_ordered,
                min_elements,
                max_elements,
                unique: Vec::new(),
            }),
            DraftKind::Leaf => {
                NodeKind::Leaf(LeafSchema { ty, default: None, units: text(Keyword::Units), is_key: false, secret })
            }
            DraftKind::LeafList => NodeKind::LeafList(LeafListSchema {
                ty,
                defaults: Vec::new(),
                units: text(Keyword::Units),
                user_ordered,
                min_elements,
                max_elements,
                secret,
            }),
            DraftKind::Choice => NodeKind::Choice { default: None },
            DraftKind::Case => NodeKind::Case,
            DraftKind::AnyData => NodeKind::AnyData,
            DraftKind::Operation => NodeKind::Operation,
            DraftKind::Input => NodeKind::Input,
            DraftKind::Output => NodeKind::Output,
            DraftKind::Notification => NodeKind::Notification,
        }
    }

    fn condition(&self, statement: StatementId) -> Condition {
        let (error_message, error_app_tag) = self.compiler.error_texts(statement);
        Condition {
            xpath: self.compiler.set.statements.shared_argument(statement),
            module: self.compiler.set.module_of(statement),
            prefixes: self.compiler.set.known_prefixes(statement),
            error_message,
            error_app_tag,
            span: self.compiler.set.statements.argument_span(statement),
            expression: None,
        }
    }

    fn extension(&self, statement: StatementId) -> Option<ExtensionUse> {
        let (module, name) = self.compiler.extension(statement)?;
        Some(ExtensionUse {
            module: Arc::clone(&self.compiler.set.modules[module.index()].name),
            name: Arc::clone(name),
            argument: self.compiler.set.statements.get(statement).argument.clone(),
            span: self.compiler.set.statements.span(statement),
        })
    }
}
