//! Functions before they have code: their signatures, and the names by which functions of one
//! executable call each other. Compilation and linking live in `link`.

use crate::code::isa::{self, Allocator};
use crate::plan::launch::FunctionId;
use cotangent_jit::Error;
use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, Signature, UserExternalName,
    UserFuncName, types,
};

/// The signature of functions with pointer-sized parameters and no result.
pub fn signature(parameters: usize) -> Result<Signature, Error> {
    let mut s = Signature::new(isa::host(Allocator::Careful)?.default_call_conv());
    s.params.extend((0..parameters).map(|_| AbiParam::new(types::I64)));
    Ok(s)
}

/// As [`signature`], with one such result.
pub fn returning(parameters: usize) -> Result<Signature, Error> {
    let mut s = signature(parameters)?;
    s.returns.push(AbiParam::new(types::I64));
    Ok(s)
}

/// A fresh function with that number and signature.
pub fn function(id: FunctionId, signature: Signature) -> Function {
    Function::with_name_signature(UserFuncName::user(0, id.0), signature)
}

/// Declares another function of the same executable inside `f`.
pub fn import(f: &mut Function, id: FunctionId, signature: Signature) -> FuncRef {
    let name = f.declare_imported_user_function(UserExternalName::new(0, id.0));
    let signature = f.import_signature(signature);
    f.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    })
}
