//! `type` and `typedef` statements into types (RFC 7950 §7.3, §7.4, §9), each statement once.

use super::compile::Compiler;
use super::keyword::Keyword;
use super::restrict;
use super::schema::{BaseType, IntegerKind, Type};
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

/// The names of the built-in types (RFC 7950 §9).
pub(super) const BUILTIN_NAMES: [&str; 19] = [
    "binary",
    "bits",
    "boolean",
    "decimal64",
    "empty",
    "enumeration",
    "identityref",
    "instance-identifier",
    "int8",
    "int16",
    "int32",
    "int64",
    "leafref",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "union",
];

/// Longest chain of typedefs and deepest nesting of unions: reading them recurses.
const DEPTH_MAX: usize = 64;

/// Types that a union may come down to, unions in it counted through: each may be tried for each value.
const MEMBERS_MAX: usize = 1024;

/// A type before its leafrefs are resolved, which needs the leaf that uses it.
#[derive(Debug)]
pub(super) struct RawType {
    /// Its name as written.
    pub(super) name: Arc<str>,
    /// What it is.
    pub(super) shape: Shape,
    /// The `default` statement of the typedef it comes from.
    pub(super) default: Option<StatementId>,
    /// The units of the typedef it comes from.
    pub(super) units: Option<Arc<str>>,
    /// How many types it comes down to.
    pub(super) members: usize,
    /// How many typedefs and unions deep it is.
    pub(super) depth: usize,
}

/// What a type is before its leafrefs are resolved.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// One without leafrefs.
    Plain(Arc<Type>),
    /// A leafref.
    Leafref {
        /// The `path` statement.
        path: StatementId,
        /// `require-instance`.
        require_instance: bool,
        /// The argument of `ann:on-delete`.
        on_delete: Option<Arc<str>>,
    },
    /// A union with a leafref in it.
    Union(Vec<Arc<RawType>>),
    /// One whose fault is told.
    Broken,
}

impl Compiler<'_> {
    /// Returns the type that a `type` statement stands for.
    pub(super) fn type_of(&mut self, statement: StatementId) -> Arc<RawType> {
        match self.types.get(&statement) {
            Some(Some(known)) => return Arc::clone(known),
            Some(None) => {
                self.fault_at(
                    statement,
                    format!("type `{}` is defined by itself", self.set.statements.argument(statement)),
                );
                return broken();
            }
            None => {}
        }
        if self.type_depth >= DEPTH_MAX {
            let what = format!("types are derived more than {DEPTH_MAX} deep");
            self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(statement)));
            return broken();
        }
        self.types.insert(statement, None);
        self.type_depth += 1;
        let raw = self.read_type(statement).map_or_else(broken, Arc::new);
        self.type_depth -= 1;
        // What was read before is not on the stack, so the depth is counted as well: no order of definitions gets past it.
        let raw = if raw.depth > DEPTH_MAX {
            self.fault_at(statement, format!("types are derived more than {DEPTH_MAX} deep"));
            broken()
        } else {
            raw
        };
        self.types.insert(statement, Some(Arc::clone(&raw)));
        raw
    }

    fn read_type(&mut self, statement: StatementId) -> Option<RawType> {
        let name = self.set.statements.shared_argument(statement);
        if BUILTIN_NAMES.contains(&&*name) {
            return self.builtin_type(statement, &name);
        }
        let typedef = self.definitions.find(self.set, statement, Keyword::Typedef, &name, &mut self.faults)?;
        let user = self.set.statements.get(statement).parent;
        if let Some(user) = user.filter(|u| self.set.statements.keyword(*u) != Some(Keyword::Type)) {
            self.check_status(statement, user, typedef);
        }
        let base_statement = self.set.statements.first(typedef, Keyword::Type)?;
        let base = self.type_of(base_statement);
        let default = self.set.statements.first(typedef, Keyword::Default).or(base.default);
        let units = self.set.statements.first_argument(typedef, Keyword::Units).or_else(|| base.units.clone());
        let shape = match &base.shape {
            Shape::Plain(ty) => {
                let narrowed = restrict::derive(self, statement, ty)?;
                Shape::Plain(self.plain(&name, narrowed, default, units.clone()))
            }
            Shape::Leafref { path, require_instance, on_delete } => {
                self.allow_only(statement, &[Keyword::RequireInstance], "leafref");
                Shape::Leafref {
                    path: *path,
                    require_instance: self.require_instance(statement).unwrap_or(*require_instance),
                    on_delete: self.on_delete(statement).or_else(|| on_delete.clone()),
                }
            }
            Shape::Union(members) => {
                self.allow_only(statement, &[], "union");
                Shape::Union(members.clone())
            }
            Shape::Broken => return None,
        };
        Some(RawType { name, shape, default, units, members: base.members, depth: base.depth + 1 })
    }

    fn plain(
        &self,
        name: &Arc<str>,
        base: BaseType,
        default: Option<StatementId>,
        units: Option<Arc<str>>,
    ) -> Arc<Type> {
        let default = default.map(|d| self.set.statements.shared_argument(d));
        Arc::new(Type { name: Arc::clone(name), base, default, units })
    }

    fn builtin_type(&mut self, statement: StatementId, name: &Arc<str>) -> Option<RawType> {
        let shape = match &**name {
            "leafref" => {
                let is_1_1 = self.set.is_1_1(statement);
                let allowed = [Keyword::Path, Keyword::RequireInstance];
                // RFC 6020 §9.9: every leafref of YANG 1 requires its instance.
                self.allow_only(statement, if is_1_1 { &allowed } else { allowed.get(..1).unwrap_or_default() }, name);
                let Some(path) = self.set.statements.first(statement, Keyword::Path) else {
                    self.lacks(statement, Keyword::Path);
                    return None;
                };
                Shape::Leafref {
                    path,
                    require_instance: self.require_instance(statement).unwrap_or(true),
                    on_delete: self.on_delete(statement),
                }
            }
            "union" => return self.union(statement, name),
            _ => {
                let base = restrict::builtin(self, statement, name)?;
                Shape::Plain(self.plain(name, base, None, None))
            }
        };
        Some(RawType { name: Arc::clone(name), shape, default: None, units: None, members: 1, depth: 0 })
    }

    fn union(&mut self, statement: StatementId, name: &Arc<str>) -> Option<RawType> {
        self.allow_only(statement, &[Keyword::Type], name);
        let statements: Vec<StatementId> = self.set.statements.all(statement, Keyword::Type).collect();
        if statements.is_empty() {
            self.lacks(statement, Keyword::Type);
            return None;
        }
        let mut members = Vec::new();
        for member in statements {
            members.push(self.type_of(member));
        }
        let depth = members.iter().map(|m| m.depth).max().unwrap_or(0) + 1;
        let count = members.iter().map(|m| m.members).fold(0, usize::saturating_add);
        if count > MEMBERS_MAX {
            let what = format!("union comes down to more than {MEMBERS_MAX} types");
            self.faults.push(Diagnostic::error(what).at(self.set.statements.span(statement)));
            return None;
        }
        let plain: Option<Vec<Arc<Type>>> = members
            .iter()
            .map(|m| match &m.shape {
                Shape::Plain(ty) => Some(Arc::clone(ty)),
                _ => None,
            })
            .collect();
        let shape = if members.iter().any(|m| matches!(m.shape, Shape::Broken)) {
            return None;
        } else if let Some(plain) = plain {
            Shape::Plain(self.plain(name, BaseType::Union(plain), None, None))
        } else {
            Shape::Union(members)
        };
        Some(RawType { name: Arc::clone(name), shape, default: None, units: None, members: count, depth })
    }

    /// Returns the argument of `require-instance` below a type.
    pub(super) fn require_instance(&self, statement: StatementId) -> Option<bool> {
        self.set
            .statements
            .first(statement, Keyword::RequireInstance)
            .map(|s| self.set.statements.argument(s) == "true")
    }

    /// Returns the argument of `ann:on-delete` below a statement.
    pub(super) fn on_delete(&self, statement: StatementId) -> Option<Arc<str>> {
        self.own_extension(statement, "on-delete").map(|s| self.set.statements.shared_argument(s))
    }

    /// Reports the restrictions that do not belong to a type.
    pub(super) fn allow_only(&mut self, statement: StatementId, allowed: &[Keyword], kind: &str) {
        for child in self.set.statements.get(statement).children.iter().copied() {
            let Some(keyword) = self.set.statements.keyword(child).filter(|k| !allowed.contains(k)) else { continue };
            let fault = Diagnostic::error(format!("`{keyword}` does not apply to `{kind}`"));
            let fault = if allowed.is_empty() {
                fault.hint("the type takes no restrictions here")
            } else {
                let words: Vec<String> = allowed.iter().map(|k| format!("`{k}`")).collect();
                fault.hint(format!("it takes {}", words.join(" and ")))
            };
            self.faults.push(fault.at(self.set.statements.span(child)));
        }
    }

    /// Reports a substatement that a type needs.
    pub(super) fn lacks(&mut self, statement: StatementId, keyword: Keyword) {
        let what = format!("{} has no `{keyword}`", self.set.statements.describe(statement));
        let fault = Diagnostic::error(what).hint(format!("add `{keyword} …;`"));
        self.faults.push(fault.at(self.set.statements.span(statement)));
    }
}

/// Returns a type that stands in for one whose fault is told.
pub(super) fn broken() -> Arc<RawType> {
    Arc::new(RawType {
        name: Arc::from("string"),
        shape: Shape::Broken,
        default: None,
        units: None,
        members: 1,
        depth: 0,
    })
}

/// Returns the integer type of that name.
pub(super) fn integer_kind(name: &str) -> Option<IntegerKind> {
    use IntegerKind as I;
    [I::Int8, I::Int16, I::Int32, I::Int64, I::Uint8, I::Uint16, I::Uint32, I::Uint64]
        .into_iter()
        .find(|kind| kind.name() == name)
}
