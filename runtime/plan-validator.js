// Generated from ir/plan.schema.json by scripts/generate-plan-validator.mjs. Do not edit.
"use strict";
export const validate = validate10;
export default validate10;
const schema11 = {"$schema":"http://json-schema.org/draft-07/schema#","$id":"urn:btc-compiler:plan:1","type":"object","additionalProperties":false,"required":["format","version","name","target","producer","memory","slabs","tensors","kernels","programs"],"properties":{"format":{"const":"btc-plan"},"version":{"const":2},"name":{"type":"string"},"target":{"enum":["webgpu","wasm"]},"producer":{"type":"string"},"profile":{"type":"string"},"levers":{"type":"object","additionalProperties":false,"required":["recompute","swap"],"properties":{"recompute":{"type":"string"},"swap":{"type":"string"}}},"memory":{"$ref":"#/definitions/memory"},"slabs":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["bytes"],"properties":{"bytes":{"$ref":"#/definitions/bytes"}}}},"tensors":{"type":"array","items":{"$ref":"#/definitions/tensor"}},"kernels":{"type":"array","items":{"$ref":"#/definitions/kernel"}},"programs":{"type":"object","additionalProperties":{"$ref":"#/definitions/program"}},"swap":{"$ref":"#/definitions/swap"},"module":{"$ref":"#/definitions/module"}},"definitions":{"bytes":{"type":"integer","minimum":0,"maximum":9007199254740991},"count":{"type":"integer","minimum":0,"maximum":9007199254740991},"index":{"type":"integer","minimum":0,"maximum":4294967295},"dtype":{"enum":["f32","i32"]},"shape":{"type":"array","maxItems":64,"items":{"type":"integer","minimum":1,"maximum":9007199254740991}},"source":{"type":["object","null"],"additionalProperties":false,"required":["file","line","column"],"properties":{"file":{"type":"string"},"line":{"$ref":"#/definitions/count"},"column":{"$ref":"#/definitions/count"}}},"memory":{"type":"object","additionalProperties":false,"required":["budgetBytes","deviceBytes","arenaBytes","persistentBytes","stagingBytes","hostBytes","spillBytes","peakLiveBytes","packing"],"properties":{"budgetBytes":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991},"deviceBytes":{"$ref":"#/definitions/bytes"},"arenaBytes":{"$ref":"#/definitions/bytes"},"persistentBytes":{"$ref":"#/definitions/bytes"},"stagingBytes":{"$ref":"#/definitions/bytes"},"hostBytes":{"$ref":"#/definitions/bytes"},"spillBytes":{"$ref":"#/definitions/bytes"},"peakLiveBytes":{"$ref":"#/definitions/bytes"},"packing":{"type":"object","additionalProperties":false,"required":["method","gapBytes"],"properties":{"method":{"type":"string"},"gapBytes":{"$ref":"#/definitions/bytes"}}}}},"tensor":{"type":"object","additionalProperties":false,"required":["name","dtype","shape","role","program","slab","offset","bytes","firstStep","lastStep","policy"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"role":{"enum":["input","output","parameter","state","activation"]},"program":{"type":["string","null"]},"slab":{"type":["integer","null"],"minimum":0,"maximum":4294967295},"offset":{"$ref":"#/definitions/bytes"},"bytes":{"$ref":"#/definitions/bytes"},"firstStep":{"$ref":"#/definitions/index"},"lastStep":{"$ref":"#/definitions/index"},"policy":{"enum":["persistent","arena","in-place","host"]},"again":{"type":"object","additionalProperties":false,"required":["of","by"],"properties":{"of":{"$ref":"#/definitions/index"},"by":{"enum":["recompute","swap"]}}}}},"kernel":{"type":"object","additionalProperties":false,"required":["name","text","bindings"],"properties":{"name":{"type":"string"},"text":{"type":"string"},"bindings":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["dtype","access","bytes"],"properties":{"dtype":{"$ref":"#/definitions/dtype"},"access":{"enum":["read","write","read_write"]},"bytes":{"$ref":"#/definitions/bytes"}}}},"wgsl":{"type":"string"},"export":{"type":"string"}}},"program":{"type":"object","additionalProperties":false,"required":["steps","inputs","outputs"],"properties":{"steps":{"type":"array","items":{"$ref":"#/definitions/step"}},"inputs":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["name","tensor","dtype","shape","default","counter"],"properties":{"name":{"type":"string"},"tensor":{"$ref":"#/definitions/index"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"default":{"type":["number","null"]},"counter":{"type":"boolean"}}}},"outputs":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["name","tensor","dtype","shape"],"properties":{"name":{"type":"string"},"tensor":{"$ref":"#/definitions/index"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}},"contractions":{"type":"array","items":{"$ref":"#/definitions/contraction"}},"predicted":{"$ref":"#/definitions/prediction"},"transfers":{"type":"array","items":{"$ref":"#/definitions/transfer"}}}},"transfer":{"type":"object","additionalProperties":false,"required":["kind","tensor","slot","step"],"properties":{"kind":{"enum":["out","in"]},"tensor":{"$ref":"#/definitions/index"},"slot":{"$ref":"#/definitions/index"},"step":{"$ref":"#/definitions/index"}}},"swap":{"type":"object","additionalProperties":false,"required":["staging","slots"],"properties":{"staging":{"type":"object","additionalProperties":false,"required":["buffers","bytes"],"properties":{"buffers":{"$ref":"#/definitions/index"},"bytes":{"$ref":"#/definitions/bytes"}}},"slots":{"type":"array","items":{"$ref":"#/definitions/slot"}}}},"slot":{"type":"object","additionalProperties":false,"required":["tier","offset","bytes","tensor","copies"],"properties":{"tier":{"enum":["memory","file"]},"offset":{"$ref":"#/definitions/bytes"},"bytes":{"$ref":"#/definitions/bytes"},"tensor":{"type":["integer","null"],"minimum":0,"maximum":4294967295},"copies":{"enum":[1,2]}}},"contraction":{"type":"object","additionalProperties":false,"required":["equation","sizes","order","method","macs","trainMacs","leftToRightMacs","denseMacs","times","source"],"properties":{"equation":{"type":"string"},"sizes":{"type":"object","propertyNames":{"pattern":"^\\p{L}$"},"additionalProperties":{"type":"integer","minimum":1,"maximum":9007199254740991}},"windows":{"type":"array","items":{"$ref":"#/definitions/index"}},"order":{"type":"array","items":{"type":"array","minItems":2,"maxItems":2,"items":{"$ref":"#/definitions/index"}}},"method":{"enum":["exact","heuristic","bounded"]},"macs":{"$ref":"#/definitions/count"},"trainMacs":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991},"leftToRightMacs":{"$ref":"#/definitions/count"},"denseMacs":{"$ref":"#/definitions/count"},"times":{"$ref":"#/definitions/count"},"source":{"$ref":"#/definitions/source"}}},"seconds":{"type":"number","minimum":0},"prediction":{"type":"object","additionalProperties":false,"required":["seconds","stepSeconds","recomputeSeconds","swapSeconds","interfaceSeconds"],"properties":{"seconds":{"$ref":"#/definitions/seconds"},"stepSeconds":{"$ref":"#/definitions/seconds"},"recomputeSeconds":{"$ref":"#/definitions/seconds"},"swapSeconds":{"$ref":"#/definitions/seconds"},"interfaceSeconds":{"$ref":"#/definitions/seconds"}}},"step":{"type":"object","additionalProperties":false,"required":["kernel","grid","bindings","flops","bytesMoved","label","source"],"properties":{"kernel":{"$ref":"#/definitions/index"},"grid":{"type":"array","minItems":3,"maxItems":3,"items":{"type":"integer","minimum":1,"maximum":4294967295}},"bindings":{"type":"array","items":{"$ref":"#/definitions/index"}},"offsets":{"type":"array","items":{"$ref":"#/definitions/bytes"}},"flops":{"$ref":"#/definitions/count"},"macs":{"$ref":"#/definitions/count"},"bytesMoved":{"$ref":"#/definitions/bytes"},"seconds":{"$ref":"#/definitions/seconds"},"label":{"type":"string"},"source":{"$ref":"#/definitions/source"},"again":{"const":true}}},"module":{"type":"object","additionalProperties":false,"required":["file","bytes","sha256","pages"],"properties":{"file":{"type":"string"},"bytes":{"$ref":"#/definitions/bytes"},"sha256":{"type":"string","pattern":"^[0-9a-f]{64}$"},"pages":{"type":"integer","minimum":0,"maximum":65536}}}}};
const schema13 = {"type":"integer","minimum":0,"maximum":9007199254740991};
const func2 = Object.prototype.hasOwnProperty;
const schema12 = {"type":"object","additionalProperties":false,"required":["budgetBytes","deviceBytes","arenaBytes","persistentBytes","stagingBytes","hostBytes","spillBytes","peakLiveBytes","packing"],"properties":{"budgetBytes":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991},"deviceBytes":{"$ref":"#/definitions/bytes"},"arenaBytes":{"$ref":"#/definitions/bytes"},"persistentBytes":{"$ref":"#/definitions/bytes"},"stagingBytes":{"$ref":"#/definitions/bytes"},"hostBytes":{"$ref":"#/definitions/bytes"},"spillBytes":{"$ref":"#/definitions/bytes"},"peakLiveBytes":{"$ref":"#/definitions/bytes"},"packing":{"type":"object","additionalProperties":false,"required":["method","gapBytes"],"properties":{"method":{"type":"string"},"gapBytes":{"$ref":"#/definitions/bytes"}}}}};

function validate11(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((((((((data.budgetBytes === undefined) && (missing0 = "budgetBytes")) || ((data.deviceBytes === undefined) && (missing0 = "deviceBytes"))) || ((data.arenaBytes === undefined) && (missing0 = "arenaBytes"))) || ((data.persistentBytes === undefined) && (missing0 = "persistentBytes"))) || ((data.stagingBytes === undefined) && (missing0 = "stagingBytes"))) || ((data.hostBytes === undefined) && (missing0 = "hostBytes"))) || ((data.spillBytes === undefined) && (missing0 = "spillBytes"))) || ((data.peakLiveBytes === undefined) && (missing0 = "peakLiveBytes"))) || ((data.packing === undefined) && (missing0 = "packing"))){
validate11.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(func2.call(schema12.properties, key0))){
validate11.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.budgetBytes !== undefined){
let data0 = data.budgetBytes;
const _errs2 = errors;
if((!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))) && (data0 !== null)){
validate11.errors = [{instancePath:instancePath+"/budgetBytes",schemaPath:"#/properties/budgetBytes/type",keyword:"type",params:{type: schema12.properties.budgetBytes.type},message:"must be integer,null"}];
return false;
}
if(errors === _errs2){
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 9007199254740991 || isNaN(data0)){
validate11.errors = [{instancePath:instancePath+"/budgetBytes",schemaPath:"#/properties/budgetBytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data0 < 0 || isNaN(data0)){
validate11.errors = [{instancePath:instancePath+"/budgetBytes",schemaPath:"#/properties/budgetBytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.deviceBytes !== undefined){
let data1 = data.deviceBytes;
const _errs4 = errors;
const _errs5 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate11.errors = [{instancePath:instancePath+"/deviceBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs5){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
validate11.errors = [{instancePath:instancePath+"/deviceBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate11.errors = [{instancePath:instancePath+"/deviceBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.arenaBytes !== undefined){
let data2 = data.arenaBytes;
const _errs7 = errors;
const _errs8 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate11.errors = [{instancePath:instancePath+"/arenaBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs8){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
validate11.errors = [{instancePath:instancePath+"/arenaBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate11.errors = [{instancePath:instancePath+"/arenaBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs7 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.persistentBytes !== undefined){
let data3 = data.persistentBytes;
const _errs10 = errors;
const _errs11 = errors;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
validate11.errors = [{instancePath:instancePath+"/persistentBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs11){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 9007199254740991 || isNaN(data3)){
validate11.errors = [{instancePath:instancePath+"/persistentBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data3 < 0 || isNaN(data3)){
validate11.errors = [{instancePath:instancePath+"/persistentBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs10 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.stagingBytes !== undefined){
let data4 = data.stagingBytes;
const _errs13 = errors;
const _errs14 = errors;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
validate11.errors = [{instancePath:instancePath+"/stagingBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs14){
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 9007199254740991 || isNaN(data4)){
validate11.errors = [{instancePath:instancePath+"/stagingBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data4 < 0 || isNaN(data4)){
validate11.errors = [{instancePath:instancePath+"/stagingBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs13 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.hostBytes !== undefined){
let data5 = data.hostBytes;
const _errs16 = errors;
const _errs17 = errors;
if(!(((typeof data5 == "number") && (!(data5 % 1) && !isNaN(data5))) && (isFinite(data5)))){
validate11.errors = [{instancePath:instancePath+"/hostBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs17){
if((typeof data5 == "number") && (isFinite(data5))){
if(data5 > 9007199254740991 || isNaN(data5)){
validate11.errors = [{instancePath:instancePath+"/hostBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data5 < 0 || isNaN(data5)){
validate11.errors = [{instancePath:instancePath+"/hostBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs16 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.spillBytes !== undefined){
let data6 = data.spillBytes;
const _errs19 = errors;
const _errs20 = errors;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
validate11.errors = [{instancePath:instancePath+"/spillBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 9007199254740991 || isNaN(data6)){
validate11.errors = [{instancePath:instancePath+"/spillBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data6 < 0 || isNaN(data6)){
validate11.errors = [{instancePath:instancePath+"/spillBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs19 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.peakLiveBytes !== undefined){
let data7 = data.peakLiveBytes;
const _errs22 = errors;
const _errs23 = errors;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
validate11.errors = [{instancePath:instancePath+"/peakLiveBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs23){
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 9007199254740991 || isNaN(data7)){
validate11.errors = [{instancePath:instancePath+"/peakLiveBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data7 < 0 || isNaN(data7)){
validate11.errors = [{instancePath:instancePath+"/peakLiveBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs22 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.packing !== undefined){
let data8 = data.packing;
const _errs25 = errors;
if(errors === _errs25){
if(data8 && typeof data8 == "object" && !Array.isArray(data8)){
let missing1;
if(((data8.method === undefined) && (missing1 = "method")) || ((data8.gapBytes === undefined) && (missing1 = "gapBytes"))){
validate11.errors = [{instancePath:instancePath+"/packing",schemaPath:"#/properties/packing/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs27 = errors;
for(const key1 in data8){
if(!((key1 === "method") || (key1 === "gapBytes"))){
validate11.errors = [{instancePath:instancePath+"/packing",schemaPath:"#/properties/packing/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs27 === errors){
if(data8.method !== undefined){
const _errs28 = errors;
if(typeof data8.method !== "string"){
validate11.errors = [{instancePath:instancePath+"/packing/method",schemaPath:"#/properties/packing/properties/method/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid8 = _errs28 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data8.gapBytes !== undefined){
let data10 = data8.gapBytes;
const _errs30 = errors;
const _errs31 = errors;
if(!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))){
validate11.errors = [{instancePath:instancePath+"/packing/gapBytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs31){
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 > 9007199254740991 || isNaN(data10)){
validate11.errors = [{instancePath:instancePath+"/packing/gapBytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data10 < 0 || isNaN(data10)){
validate11.errors = [{instancePath:instancePath+"/packing/gapBytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid8 = _errs30 === errors;
}
else {
var valid8 = true;
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/packing",schemaPath:"#/properties/packing/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs25 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate11.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate11.errors = vErrors;
return errors === 0;
}

const schema22 = {"type":"object","additionalProperties":false,"required":["name","dtype","shape","role","program","slab","offset","bytes","firstStep","lastStep","policy"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"role":{"enum":["input","output","parameter","state","activation"]},"program":{"type":["string","null"]},"slab":{"type":["integer","null"],"minimum":0,"maximum":4294967295},"offset":{"$ref":"#/definitions/bytes"},"bytes":{"$ref":"#/definitions/bytes"},"firstStep":{"$ref":"#/definitions/index"},"lastStep":{"$ref":"#/definitions/index"},"policy":{"enum":["persistent","arena","in-place","host"]},"again":{"type":"object","additionalProperties":false,"required":["of","by"],"properties":{"of":{"$ref":"#/definitions/index"},"by":{"enum":["recompute","swap"]}}}}};
const schema23 = {"enum":["f32","i32"]};
const schema24 = {"type":"array","maxItems":64,"items":{"type":"integer","minimum":1,"maximum":9007199254740991}};
const schema27 = {"type":"integer","minimum":0,"maximum":4294967295};

function validate13(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((((((((((data.name === undefined) && (missing0 = "name")) || ((data.dtype === undefined) && (missing0 = "dtype"))) || ((data.shape === undefined) && (missing0 = "shape"))) || ((data.role === undefined) && (missing0 = "role"))) || ((data.program === undefined) && (missing0 = "program"))) || ((data.slab === undefined) && (missing0 = "slab"))) || ((data.offset === undefined) && (missing0 = "offset"))) || ((data.bytes === undefined) && (missing0 = "bytes"))) || ((data.firstStep === undefined) && (missing0 = "firstStep"))) || ((data.lastStep === undefined) && (missing0 = "lastStep"))) || ((data.policy === undefined) && (missing0 = "policy"))){
validate13.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(func2.call(schema22.properties, key0))){
validate13.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.name !== undefined){
const _errs2 = errors;
if(typeof data.name !== "string"){
validate13.errors = [{instancePath:instancePath+"/name",schemaPath:"#/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.dtype !== undefined){
let data1 = data.dtype;
const _errs4 = errors;
if(!((data1 === "f32") || (data1 === "i32"))){
validate13.errors = [{instancePath:instancePath+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema23.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.shape !== undefined){
let data2 = data.shape;
const _errs6 = errors;
const _errs7 = errors;
if(errors === _errs7){
if(Array.isArray(data2)){
if(data2.length > 64){
validate13.errors = [{instancePath:instancePath+"/shape",schemaPath:"#/definitions/shape/maxItems",keyword:"maxItems",params:{limit: 64},message:"must NOT have more than 64 items"}];
return false;
}
else {
var valid3 = true;
const len0 = data2.length;
for(let i0=0; i0<len0; i0++){
let data3 = data2[i0];
const _errs9 = errors;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
validate13.errors = [{instancePath:instancePath+"/shape/" + i0,schemaPath:"#/definitions/shape/items/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs9){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 9007199254740991 || isNaN(data3)){
validate13.errors = [{instancePath:instancePath+"/shape/" + i0,schemaPath:"#/definitions/shape/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data3 < 1 || isNaN(data3)){
validate13.errors = [{instancePath:instancePath+"/shape/" + i0,schemaPath:"#/definitions/shape/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
}
var valid3 = _errs9 === errors;
if(!valid3){
break;
}
}
}
}
else {
validate13.errors = [{instancePath:instancePath+"/shape",schemaPath:"#/definitions/shape/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.role !== undefined){
let data4 = data.role;
const _errs11 = errors;
if(!(((((data4 === "input") || (data4 === "output")) || (data4 === "parameter")) || (data4 === "state")) || (data4 === "activation"))){
validate13.errors = [{instancePath:instancePath+"/role",schemaPath:"#/properties/role/enum",keyword:"enum",params:{allowedValues: schema22.properties.role.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs11 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.program !== undefined){
let data5 = data.program;
const _errs12 = errors;
if((typeof data5 !== "string") && (data5 !== null)){
validate13.errors = [{instancePath:instancePath+"/program",schemaPath:"#/properties/program/type",keyword:"type",params:{type: schema22.properties.program.type},message:"must be string,null"}];
return false;
}
var valid0 = _errs12 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.slab !== undefined){
let data6 = data.slab;
const _errs14 = errors;
if((!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))) && (data6 !== null)){
validate13.errors = [{instancePath:instancePath+"/slab",schemaPath:"#/properties/slab/type",keyword:"type",params:{type: schema22.properties.slab.type},message:"must be integer,null"}];
return false;
}
if(errors === _errs14){
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 4294967295 || isNaN(data6)){
validate13.errors = [{instancePath:instancePath+"/slab",schemaPath:"#/properties/slab/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data6 < 0 || isNaN(data6)){
validate13.errors = [{instancePath:instancePath+"/slab",schemaPath:"#/properties/slab/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs14 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.offset !== undefined){
let data7 = data.offset;
const _errs16 = errors;
const _errs17 = errors;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
validate13.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs17){
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 9007199254740991 || isNaN(data7)){
validate13.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data7 < 0 || isNaN(data7)){
validate13.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs16 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bytes !== undefined){
let data8 = data.bytes;
const _errs19 = errors;
const _errs20 = errors;
if(!(((typeof data8 == "number") && (!(data8 % 1) && !isNaN(data8))) && (isFinite(data8)))){
validate13.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data8 == "number") && (isFinite(data8))){
if(data8 > 9007199254740991 || isNaN(data8)){
validate13.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data8 < 0 || isNaN(data8)){
validate13.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs19 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.firstStep !== undefined){
let data9 = data.firstStep;
const _errs22 = errors;
const _errs23 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate13.errors = [{instancePath:instancePath+"/firstStep",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs23){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 > 4294967295 || isNaN(data9)){
validate13.errors = [{instancePath:instancePath+"/firstStep",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data9 < 0 || isNaN(data9)){
validate13.errors = [{instancePath:instancePath+"/firstStep",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs22 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.lastStep !== undefined){
let data10 = data.lastStep;
const _errs25 = errors;
const _errs26 = errors;
if(!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))){
validate13.errors = [{instancePath:instancePath+"/lastStep",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs26){
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 > 4294967295 || isNaN(data10)){
validate13.errors = [{instancePath:instancePath+"/lastStep",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data10 < 0 || isNaN(data10)){
validate13.errors = [{instancePath:instancePath+"/lastStep",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs25 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.policy !== undefined){
let data11 = data.policy;
const _errs28 = errors;
if(!((((data11 === "persistent") || (data11 === "arena")) || (data11 === "in-place")) || (data11 === "host"))){
validate13.errors = [{instancePath:instancePath+"/policy",schemaPath:"#/properties/policy/enum",keyword:"enum",params:{allowedValues: schema22.properties.policy.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs28 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.again !== undefined){
let data12 = data.again;
const _errs29 = errors;
if(errors === _errs29){
if(data12 && typeof data12 == "object" && !Array.isArray(data12)){
let missing1;
if(((data12.of === undefined) && (missing1 = "of")) || ((data12.by === undefined) && (missing1 = "by"))){
validate13.errors = [{instancePath:instancePath+"/again",schemaPath:"#/properties/again/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs31 = errors;
for(const key1 in data12){
if(!((key1 === "of") || (key1 === "by"))){
validate13.errors = [{instancePath:instancePath+"/again",schemaPath:"#/properties/again/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs31 === errors){
if(data12.of !== undefined){
let data13 = data12.of;
const _errs32 = errors;
const _errs33 = errors;
if(!(((typeof data13 == "number") && (!(data13 % 1) && !isNaN(data13))) && (isFinite(data13)))){
validate13.errors = [{instancePath:instancePath+"/again/of",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs33){
if((typeof data13 == "number") && (isFinite(data13))){
if(data13 > 4294967295 || isNaN(data13)){
validate13.errors = [{instancePath:instancePath+"/again/of",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data13 < 0 || isNaN(data13)){
validate13.errors = [{instancePath:instancePath+"/again/of",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid8 = _errs32 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data12.by !== undefined){
let data14 = data12.by;
const _errs35 = errors;
if(!((data14 === "recompute") || (data14 === "swap"))){
validate13.errors = [{instancePath:instancePath+"/again/by",schemaPath:"#/properties/again/properties/by/enum",keyword:"enum",params:{allowedValues: schema22.properties.again.properties.by.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid8 = _errs35 === errors;
}
else {
var valid8 = true;
}
}
}
}
}
else {
validate13.errors = [{instancePath:instancePath+"/again",schemaPath:"#/properties/again/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs29 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate13.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate13.errors = vErrors;
return errors === 0;
}

const schema30 = {"type":"object","additionalProperties":false,"required":["name","text","bindings"],"properties":{"name":{"type":"string"},"text":{"type":"string"},"bindings":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["dtype","access","bytes"],"properties":{"dtype":{"$ref":"#/definitions/dtype"},"access":{"enum":["read","write","read_write"]},"bytes":{"$ref":"#/definitions/bytes"}}}},"wgsl":{"type":"string"},"export":{"type":"string"}}};

function validate15(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((data.name === undefined) && (missing0 = "name")) || ((data.text === undefined) && (missing0 = "text"))) || ((data.bindings === undefined) && (missing0 = "bindings"))){
validate15.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(((((key0 === "name") || (key0 === "text")) || (key0 === "bindings")) || (key0 === "wgsl")) || (key0 === "export"))){
validate15.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.name !== undefined){
const _errs2 = errors;
if(typeof data.name !== "string"){
validate15.errors = [{instancePath:instancePath+"/name",schemaPath:"#/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.text !== undefined){
const _errs4 = errors;
if(typeof data.text !== "string"){
validate15.errors = [{instancePath:instancePath+"/text",schemaPath:"#/properties/text/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bindings !== undefined){
let data2 = data.bindings;
const _errs6 = errors;
if(errors === _errs6){
if(Array.isArray(data2)){
var valid1 = true;
const len0 = data2.length;
for(let i0=0; i0<len0; i0++){
let data3 = data2[i0];
const _errs8 = errors;
if(errors === _errs8){
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
let missing1;
if((((data3.dtype === undefined) && (missing1 = "dtype")) || ((data3.access === undefined) && (missing1 = "access"))) || ((data3.bytes === undefined) && (missing1 = "bytes"))){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0,schemaPath:"#/properties/bindings/items/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs10 = errors;
for(const key1 in data3){
if(!(((key1 === "dtype") || (key1 === "access")) || (key1 === "bytes"))){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0,schemaPath:"#/properties/bindings/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs10 === errors){
if(data3.dtype !== undefined){
let data4 = data3.dtype;
const _errs11 = errors;
if(!((data4 === "f32") || (data4 === "i32"))){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema23.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid2 = _errs11 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.access !== undefined){
let data5 = data3.access;
const _errs13 = errors;
if(!(((data5 === "read") || (data5 === "write")) || (data5 === "read_write"))){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0+"/access",schemaPath:"#/properties/bindings/items/properties/access/enum",keyword:"enum",params:{allowedValues: schema30.properties.bindings.items.properties.access.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid2 = _errs13 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.bytes !== undefined){
let data6 = data3.bytes;
const _errs14 = errors;
const _errs15 = errors;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0+"/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs15){
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 9007199254740991 || isNaN(data6)){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0+"/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data6 < 0 || isNaN(data6)){
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0+"/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid2 = _errs14 === errors;
}
else {
var valid2 = true;
}
}
}
}
}
}
else {
validate15.errors = [{instancePath:instancePath+"/bindings/" + i0,schemaPath:"#/properties/bindings/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid1 = _errs8 === errors;
if(!valid1){
break;
}
}
}
else {
validate15.errors = [{instancePath:instancePath+"/bindings",schemaPath:"#/properties/bindings/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.wgsl !== undefined){
const _errs17 = errors;
if(typeof data.wgsl !== "string"){
validate15.errors = [{instancePath:instancePath+"/wgsl",schemaPath:"#/properties/wgsl/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs17 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.export !== undefined){
const _errs19 = errors;
if(typeof data.export !== "string"){
validate15.errors = [{instancePath:instancePath+"/export",schemaPath:"#/properties/export/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs19 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
else {
validate15.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate15.errors = vErrors;
return errors === 0;
}

const schema33 = {"type":"object","additionalProperties":false,"required":["steps","inputs","outputs"],"properties":{"steps":{"type":"array","items":{"$ref":"#/definitions/step"}},"inputs":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["name","tensor","dtype","shape","default","counter"],"properties":{"name":{"type":"string"},"tensor":{"$ref":"#/definitions/index"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"default":{"type":["number","null"]},"counter":{"type":"boolean"}}}},"outputs":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["name","tensor","dtype","shape"],"properties":{"name":{"type":"string"},"tensor":{"$ref":"#/definitions/index"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}},"contractions":{"type":"array","items":{"$ref":"#/definitions/contraction"}},"predicted":{"$ref":"#/definitions/prediction"},"transfers":{"type":"array","items":{"$ref":"#/definitions/transfer"}}}};
const schema34 = {"type":"object","additionalProperties":false,"required":["kernel","grid","bindings","flops","bytesMoved","label","source"],"properties":{"kernel":{"$ref":"#/definitions/index"},"grid":{"type":"array","minItems":3,"maxItems":3,"items":{"type":"integer","minimum":1,"maximum":4294967295}},"bindings":{"type":"array","items":{"$ref":"#/definitions/index"}},"offsets":{"type":"array","items":{"$ref":"#/definitions/bytes"}},"flops":{"$ref":"#/definitions/count"},"macs":{"$ref":"#/definitions/count"},"bytesMoved":{"$ref":"#/definitions/bytes"},"seconds":{"$ref":"#/definitions/seconds"},"label":{"type":"string"},"source":{"$ref":"#/definitions/source"},"again":{"const":true}}};
const schema38 = {"type":"integer","minimum":0,"maximum":9007199254740991};
const schema41 = {"type":"number","minimum":0};
const schema42 = {"type":["object","null"],"additionalProperties":false,"required":["file","line","column"],"properties":{"file":{"type":"string"},"line":{"$ref":"#/definitions/count"},"column":{"$ref":"#/definitions/count"}}};

function validate19(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if((!(data && typeof data == "object" && !Array.isArray(data))) && (data !== null)){
validate19.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: schema42.type},message:"must be object,null"}];
return false;
}
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((data.file === undefined) && (missing0 = "file")) || ((data.line === undefined) && (missing0 = "line"))) || ((data.column === undefined) && (missing0 = "column"))){
validate19.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(((key0 === "file") || (key0 === "line")) || (key0 === "column"))){
validate19.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.file !== undefined){
const _errs2 = errors;
if(typeof data.file !== "string"){
validate19.errors = [{instancePath:instancePath+"/file",schemaPath:"#/properties/file/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.line !== undefined){
let data1 = data.line;
const _errs4 = errors;
const _errs5 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate19.errors = [{instancePath:instancePath+"/line",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs5){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
validate19.errors = [{instancePath:instancePath+"/line",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate19.errors = [{instancePath:instancePath+"/line",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.column !== undefined){
let data2 = data.column;
const _errs7 = errors;
const _errs8 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate19.errors = [{instancePath:instancePath+"/column",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs8){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
validate19.errors = [{instancePath:instancePath+"/column",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate19.errors = [{instancePath:instancePath+"/column",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs7 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
validate19.errors = vErrors;
return errors === 0;
}


function validate18(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((((((data.kernel === undefined) && (missing0 = "kernel")) || ((data.grid === undefined) && (missing0 = "grid"))) || ((data.bindings === undefined) && (missing0 = "bindings"))) || ((data.flops === undefined) && (missing0 = "flops"))) || ((data.bytesMoved === undefined) && (missing0 = "bytesMoved"))) || ((data.label === undefined) && (missing0 = "label"))) || ((data.source === undefined) && (missing0 = "source"))){
validate18.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(func2.call(schema34.properties, key0))){
validate18.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.kernel !== undefined){
let data0 = data.kernel;
const _errs2 = errors;
const _errs3 = errors;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
validate18.errors = [{instancePath:instancePath+"/kernel",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs3){
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 4294967295 || isNaN(data0)){
validate18.errors = [{instancePath:instancePath+"/kernel",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data0 < 0 || isNaN(data0)){
validate18.errors = [{instancePath:instancePath+"/kernel",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.grid !== undefined){
let data1 = data.grid;
const _errs5 = errors;
if(errors === _errs5){
if(Array.isArray(data1)){
if(data1.length > 3){
validate18.errors = [{instancePath:instancePath+"/grid",schemaPath:"#/properties/grid/maxItems",keyword:"maxItems",params:{limit: 3},message:"must NOT have more than 3 items"}];
return false;
}
else {
if(data1.length < 3){
validate18.errors = [{instancePath:instancePath+"/grid",schemaPath:"#/properties/grid/minItems",keyword:"minItems",params:{limit: 3},message:"must NOT have fewer than 3 items"}];
return false;
}
else {
var valid2 = true;
const len0 = data1.length;
for(let i0=0; i0<len0; i0++){
let data2 = data1[i0];
const _errs7 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate18.errors = [{instancePath:instancePath+"/grid/" + i0,schemaPath:"#/properties/grid/items/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs7){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 4294967295 || isNaN(data2)){
validate18.errors = [{instancePath:instancePath+"/grid/" + i0,schemaPath:"#/properties/grid/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data2 < 1 || isNaN(data2)){
validate18.errors = [{instancePath:instancePath+"/grid/" + i0,schemaPath:"#/properties/grid/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
}
var valid2 = _errs7 === errors;
if(!valid2){
break;
}
}
}
}
}
else {
validate18.errors = [{instancePath:instancePath+"/grid",schemaPath:"#/properties/grid/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs5 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bindings !== undefined){
let data3 = data.bindings;
const _errs9 = errors;
if(errors === _errs9){
if(Array.isArray(data3)){
var valid3 = true;
const len1 = data3.length;
for(let i1=0; i1<len1; i1++){
let data4 = data3[i1];
const _errs11 = errors;
const _errs12 = errors;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
validate18.errors = [{instancePath:instancePath+"/bindings/" + i1,schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs12){
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 4294967295 || isNaN(data4)){
validate18.errors = [{instancePath:instancePath+"/bindings/" + i1,schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data4 < 0 || isNaN(data4)){
validate18.errors = [{instancePath:instancePath+"/bindings/" + i1,schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid3 = _errs11 === errors;
if(!valid3){
break;
}
}
}
else {
validate18.errors = [{instancePath:instancePath+"/bindings",schemaPath:"#/properties/bindings/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.offsets !== undefined){
let data5 = data.offsets;
const _errs14 = errors;
if(errors === _errs14){
if(Array.isArray(data5)){
var valid5 = true;
const len2 = data5.length;
for(let i2=0; i2<len2; i2++){
let data6 = data5[i2];
const _errs16 = errors;
const _errs17 = errors;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
validate18.errors = [{instancePath:instancePath+"/offsets/" + i2,schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs17){
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 9007199254740991 || isNaN(data6)){
validate18.errors = [{instancePath:instancePath+"/offsets/" + i2,schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data6 < 0 || isNaN(data6)){
validate18.errors = [{instancePath:instancePath+"/offsets/" + i2,schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid5 = _errs16 === errors;
if(!valid5){
break;
}
}
}
else {
validate18.errors = [{instancePath:instancePath+"/offsets",schemaPath:"#/properties/offsets/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs14 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.flops !== undefined){
let data7 = data.flops;
const _errs19 = errors;
const _errs20 = errors;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
validate18.errors = [{instancePath:instancePath+"/flops",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 9007199254740991 || isNaN(data7)){
validate18.errors = [{instancePath:instancePath+"/flops",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data7 < 0 || isNaN(data7)){
validate18.errors = [{instancePath:instancePath+"/flops",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs19 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.macs !== undefined){
let data8 = data.macs;
const _errs22 = errors;
const _errs23 = errors;
if(!(((typeof data8 == "number") && (!(data8 % 1) && !isNaN(data8))) && (isFinite(data8)))){
validate18.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs23){
if((typeof data8 == "number") && (isFinite(data8))){
if(data8 > 9007199254740991 || isNaN(data8)){
validate18.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data8 < 0 || isNaN(data8)){
validate18.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs22 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bytesMoved !== undefined){
let data9 = data.bytesMoved;
const _errs25 = errors;
const _errs26 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate18.errors = [{instancePath:instancePath+"/bytesMoved",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs26){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 > 9007199254740991 || isNaN(data9)){
validate18.errors = [{instancePath:instancePath+"/bytesMoved",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data9 < 0 || isNaN(data9)){
validate18.errors = [{instancePath:instancePath+"/bytesMoved",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs25 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.seconds !== undefined){
let data10 = data.seconds;
const _errs28 = errors;
const _errs29 = errors;
if(errors === _errs29){
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 < 0 || isNaN(data10)){
validate18.errors = [{instancePath:instancePath+"/seconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate18.errors = [{instancePath:instancePath+"/seconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs28 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.label !== undefined){
const _errs31 = errors;
if(typeof data.label !== "string"){
validate18.errors = [{instancePath:instancePath+"/label",schemaPath:"#/properties/label/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs31 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.source !== undefined){
const _errs33 = errors;
if(!(validate19(data.source, {instancePath:instancePath+"/source",parentData:data,parentDataProperty:"source",rootData}))){
vErrors = vErrors === null ? validate19.errors : vErrors.concat(validate19.errors);
errors = vErrors.length;
}
var valid0 = _errs33 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.again !== undefined){
const _errs34 = errors;
if(true !== data.again){
validate18.errors = [{instancePath:instancePath+"/again",schemaPath:"#/properties/again/const",keyword:"const",params:{allowedValue: true},message:"must be equal to constant"}];
return false;
}
var valid0 = _errs34 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate18.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate18.errors = vErrors;
return errors === 0;
}

const schema51 = {"type":"object","additionalProperties":false,"required":["equation","sizes","order","method","macs","trainMacs","leftToRightMacs","denseMacs","times","source"],"properties":{"equation":{"type":"string"},"sizes":{"type":"object","propertyNames":{"pattern":"^\\p{L}$"},"additionalProperties":{"type":"integer","minimum":1,"maximum":9007199254740991}},"windows":{"type":"array","items":{"$ref":"#/definitions/index"}},"order":{"type":"array","items":{"type":"array","minItems":2,"maxItems":2,"items":{"$ref":"#/definitions/index"}}},"method":{"enum":["exact","heuristic","bounded"]},"macs":{"$ref":"#/definitions/count"},"trainMacs":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991},"leftToRightMacs":{"$ref":"#/definitions/count"},"denseMacs":{"$ref":"#/definitions/count"},"times":{"$ref":"#/definitions/count"},"source":{"$ref":"#/definitions/source"}}};
const pattern0 = new RegExp("^\\p{L}$", "u");

function validate22(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((((((((data.equation === undefined) && (missing0 = "equation")) || ((data.sizes === undefined) && (missing0 = "sizes"))) || ((data.order === undefined) && (missing0 = "order"))) || ((data.method === undefined) && (missing0 = "method"))) || ((data.macs === undefined) && (missing0 = "macs"))) || ((data.trainMacs === undefined) && (missing0 = "trainMacs"))) || ((data.leftToRightMacs === undefined) && (missing0 = "leftToRightMacs"))) || ((data.denseMacs === undefined) && (missing0 = "denseMacs"))) || ((data.times === undefined) && (missing0 = "times"))) || ((data.source === undefined) && (missing0 = "source"))){
validate22.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(func2.call(schema51.properties, key0))){
validate22.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.equation !== undefined){
const _errs2 = errors;
if(typeof data.equation !== "string"){
validate22.errors = [{instancePath:instancePath+"/equation",schemaPath:"#/properties/equation/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.sizes !== undefined){
let data1 = data.sizes;
const _errs4 = errors;
if(errors === _errs4){
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
for(const key1 in data1){
const _errs6 = errors;
if(typeof key1 === "string"){
if(!pattern0.test(key1)){
const err0 = {instancePath:instancePath+"/sizes",schemaPath:"#/properties/sizes/propertyNames/pattern",keyword:"pattern",params:{pattern: "^\\p{L}$"},message:"must match pattern \""+"^\\p{L}$"+"\"",propertyName:key1};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
var valid1 = _errs6 === errors;
if(!valid1){
const err1 = {instancePath:instancePath+"/sizes",schemaPath:"#/properties/sizes/propertyNames",keyword:"propertyNames",params:{propertyName: key1},message:"property name must be valid"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
validate22.errors = vErrors;
return false;
break;
}
}
if(valid1){
for(const key2 in data1){
let data2 = data1[key2];
const _errs8 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate22.errors = [{instancePath:instancePath+"/sizes/" + key2.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/properties/sizes/additionalProperties/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs8){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
validate22.errors = [{instancePath:instancePath+"/sizes/" + key2.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/properties/sizes/additionalProperties/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data2 < 1 || isNaN(data2)){
validate22.errors = [{instancePath:instancePath+"/sizes/" + key2.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/properties/sizes/additionalProperties/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
}
var valid2 = _errs8 === errors;
if(!valid2){
break;
}
}
}
}
else {
validate22.errors = [{instancePath:instancePath+"/sizes",schemaPath:"#/properties/sizes/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.windows !== undefined){
let data3 = data.windows;
const _errs10 = errors;
if(errors === _errs10){
if(Array.isArray(data3)){
var valid3 = true;
const len0 = data3.length;
for(let i0=0; i0<len0; i0++){
let data4 = data3[i0];
const _errs12 = errors;
const _errs13 = errors;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
validate22.errors = [{instancePath:instancePath+"/windows/" + i0,schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs13){
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 4294967295 || isNaN(data4)){
validate22.errors = [{instancePath:instancePath+"/windows/" + i0,schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data4 < 0 || isNaN(data4)){
validate22.errors = [{instancePath:instancePath+"/windows/" + i0,schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid3 = _errs12 === errors;
if(!valid3){
break;
}
}
}
else {
validate22.errors = [{instancePath:instancePath+"/windows",schemaPath:"#/properties/windows/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs10 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.order !== undefined){
let data5 = data.order;
const _errs15 = errors;
if(errors === _errs15){
if(Array.isArray(data5)){
var valid5 = true;
const len1 = data5.length;
for(let i1=0; i1<len1; i1++){
let data6 = data5[i1];
const _errs17 = errors;
if(errors === _errs17){
if(Array.isArray(data6)){
if(data6.length > 2){
validate22.errors = [{instancePath:instancePath+"/order/" + i1,schemaPath:"#/properties/order/items/maxItems",keyword:"maxItems",params:{limit: 2},message:"must NOT have more than 2 items"}];
return false;
}
else {
if(data6.length < 2){
validate22.errors = [{instancePath:instancePath+"/order/" + i1,schemaPath:"#/properties/order/items/minItems",keyword:"minItems",params:{limit: 2},message:"must NOT have fewer than 2 items"}];
return false;
}
else {
var valid6 = true;
const len2 = data6.length;
for(let i2=0; i2<len2; i2++){
let data7 = data6[i2];
const _errs19 = errors;
const _errs20 = errors;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
validate22.errors = [{instancePath:instancePath+"/order/" + i1+"/" + i2,schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 4294967295 || isNaN(data7)){
validate22.errors = [{instancePath:instancePath+"/order/" + i1+"/" + i2,schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data7 < 0 || isNaN(data7)){
validate22.errors = [{instancePath:instancePath+"/order/" + i1+"/" + i2,schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid6 = _errs19 === errors;
if(!valid6){
break;
}
}
}
}
}
else {
validate22.errors = [{instancePath:instancePath+"/order/" + i1,schemaPath:"#/properties/order/items/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid5 = _errs17 === errors;
if(!valid5){
break;
}
}
}
else {
validate22.errors = [{instancePath:instancePath+"/order",schemaPath:"#/properties/order/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs15 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.method !== undefined){
let data8 = data.method;
const _errs22 = errors;
if(!(((data8 === "exact") || (data8 === "heuristic")) || (data8 === "bounded"))){
validate22.errors = [{instancePath:instancePath+"/method",schemaPath:"#/properties/method/enum",keyword:"enum",params:{allowedValues: schema51.properties.method.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs22 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.macs !== undefined){
let data9 = data.macs;
const _errs23 = errors;
const _errs24 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate22.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs24){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 > 9007199254740991 || isNaN(data9)){
validate22.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data9 < 0 || isNaN(data9)){
validate22.errors = [{instancePath:instancePath+"/macs",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs23 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.trainMacs !== undefined){
let data10 = data.trainMacs;
const _errs26 = errors;
if((!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))) && (data10 !== null)){
validate22.errors = [{instancePath:instancePath+"/trainMacs",schemaPath:"#/properties/trainMacs/type",keyword:"type",params:{type: schema51.properties.trainMacs.type},message:"must be integer,null"}];
return false;
}
if(errors === _errs26){
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 > 9007199254740991 || isNaN(data10)){
validate22.errors = [{instancePath:instancePath+"/trainMacs",schemaPath:"#/properties/trainMacs/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data10 < 0 || isNaN(data10)){
validate22.errors = [{instancePath:instancePath+"/trainMacs",schemaPath:"#/properties/trainMacs/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs26 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.leftToRightMacs !== undefined){
let data11 = data.leftToRightMacs;
const _errs28 = errors;
const _errs29 = errors;
if(!(((typeof data11 == "number") && (!(data11 % 1) && !isNaN(data11))) && (isFinite(data11)))){
validate22.errors = [{instancePath:instancePath+"/leftToRightMacs",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs29){
if((typeof data11 == "number") && (isFinite(data11))){
if(data11 > 9007199254740991 || isNaN(data11)){
validate22.errors = [{instancePath:instancePath+"/leftToRightMacs",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data11 < 0 || isNaN(data11)){
validate22.errors = [{instancePath:instancePath+"/leftToRightMacs",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs28 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.denseMacs !== undefined){
let data12 = data.denseMacs;
const _errs31 = errors;
const _errs32 = errors;
if(!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))){
validate22.errors = [{instancePath:instancePath+"/denseMacs",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs32){
if((typeof data12 == "number") && (isFinite(data12))){
if(data12 > 9007199254740991 || isNaN(data12)){
validate22.errors = [{instancePath:instancePath+"/denseMacs",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data12 < 0 || isNaN(data12)){
validate22.errors = [{instancePath:instancePath+"/denseMacs",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs31 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.times !== undefined){
let data13 = data.times;
const _errs34 = errors;
const _errs35 = errors;
if(!(((typeof data13 == "number") && (!(data13 % 1) && !isNaN(data13))) && (isFinite(data13)))){
validate22.errors = [{instancePath:instancePath+"/times",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs35){
if((typeof data13 == "number") && (isFinite(data13))){
if(data13 > 9007199254740991 || isNaN(data13)){
validate22.errors = [{instancePath:instancePath+"/times",schemaPath:"#/definitions/count/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data13 < 0 || isNaN(data13)){
validate22.errors = [{instancePath:instancePath+"/times",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs34 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.source !== undefined){
const _errs37 = errors;
if(!(validate19(data.source, {instancePath:instancePath+"/source",parentData:data,parentDataProperty:"source",rootData}))){
vErrors = vErrors === null ? validate19.errors : vErrors.concat(validate19.errors);
errors = vErrors.length;
}
var valid0 = _errs37 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate22.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate22.errors = vErrors;
return errors === 0;
}

const schema58 = {"type":"object","additionalProperties":false,"required":["seconds","stepSeconds","recomputeSeconds","swapSeconds","interfaceSeconds"],"properties":{"seconds":{"$ref":"#/definitions/seconds"},"stepSeconds":{"$ref":"#/definitions/seconds"},"recomputeSeconds":{"$ref":"#/definitions/seconds"},"swapSeconds":{"$ref":"#/definitions/seconds"},"interfaceSeconds":{"$ref":"#/definitions/seconds"}}};

function validate25(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((((data.seconds === undefined) && (missing0 = "seconds")) || ((data.stepSeconds === undefined) && (missing0 = "stepSeconds"))) || ((data.recomputeSeconds === undefined) && (missing0 = "recomputeSeconds"))) || ((data.swapSeconds === undefined) && (missing0 = "swapSeconds"))) || ((data.interfaceSeconds === undefined) && (missing0 = "interfaceSeconds"))){
validate25.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(((((key0 === "seconds") || (key0 === "stepSeconds")) || (key0 === "recomputeSeconds")) || (key0 === "swapSeconds")) || (key0 === "interfaceSeconds"))){
validate25.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.seconds !== undefined){
let data0 = data.seconds;
const _errs2 = errors;
const _errs3 = errors;
if(errors === _errs3){
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 < 0 || isNaN(data0)){
validate25.errors = [{instancePath:instancePath+"/seconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate25.errors = [{instancePath:instancePath+"/seconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.stepSeconds !== undefined){
let data1 = data.stepSeconds;
const _errs5 = errors;
const _errs6 = errors;
if(errors === _errs6){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 < 0 || isNaN(data1)){
validate25.errors = [{instancePath:instancePath+"/stepSeconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate25.errors = [{instancePath:instancePath+"/stepSeconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs5 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.recomputeSeconds !== undefined){
let data2 = data.recomputeSeconds;
const _errs8 = errors;
const _errs9 = errors;
if(errors === _errs9){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 < 0 || isNaN(data2)){
validate25.errors = [{instancePath:instancePath+"/recomputeSeconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate25.errors = [{instancePath:instancePath+"/recomputeSeconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs8 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.swapSeconds !== undefined){
let data3 = data.swapSeconds;
const _errs11 = errors;
const _errs12 = errors;
if(errors === _errs12){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 < 0 || isNaN(data3)){
validate25.errors = [{instancePath:instancePath+"/swapSeconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate25.errors = [{instancePath:instancePath+"/swapSeconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs11 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.interfaceSeconds !== undefined){
let data4 = data.interfaceSeconds;
const _errs14 = errors;
const _errs15 = errors;
if(errors === _errs15){
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 < 0 || isNaN(data4)){
validate25.errors = [{instancePath:instancePath+"/interfaceSeconds",schemaPath:"#/definitions/seconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
else {
validate25.errors = [{instancePath:instancePath+"/interfaceSeconds",schemaPath:"#/definitions/seconds/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs14 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
else {
validate25.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate25.errors = vErrors;
return errors === 0;
}

const schema64 = {"type":"object","additionalProperties":false,"required":["kind","tensor","slot","step"],"properties":{"kind":{"enum":["out","in"]},"tensor":{"$ref":"#/definitions/index"},"slot":{"$ref":"#/definitions/index"},"step":{"$ref":"#/definitions/index"}}};

function validate27(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((data.kind === undefined) && (missing0 = "kind")) || ((data.tensor === undefined) && (missing0 = "tensor"))) || ((data.slot === undefined) && (missing0 = "slot"))) || ((data.step === undefined) && (missing0 = "step"))){
validate27.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((((key0 === "kind") || (key0 === "tensor")) || (key0 === "slot")) || (key0 === "step"))){
validate27.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.kind !== undefined){
let data0 = data.kind;
const _errs2 = errors;
if(!((data0 === "out") || (data0 === "in"))){
validate27.errors = [{instancePath:instancePath+"/kind",schemaPath:"#/properties/kind/enum",keyword:"enum",params:{allowedValues: schema64.properties.kind.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.tensor !== undefined){
let data1 = data.tensor;
const _errs3 = errors;
const _errs4 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate27.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs4){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 4294967295 || isNaN(data1)){
validate27.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate27.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.slot !== undefined){
let data2 = data.slot;
const _errs6 = errors;
const _errs7 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate27.errors = [{instancePath:instancePath+"/slot",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs7){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 4294967295 || isNaN(data2)){
validate27.errors = [{instancePath:instancePath+"/slot",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate27.errors = [{instancePath:instancePath+"/slot",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.step !== undefined){
let data3 = data.step;
const _errs9 = errors;
const _errs10 = errors;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
validate27.errors = [{instancePath:instancePath+"/step",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs10){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 4294967295 || isNaN(data3)){
validate27.errors = [{instancePath:instancePath+"/step",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data3 < 0 || isNaN(data3)){
validate27.errors = [{instancePath:instancePath+"/step",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
else {
validate27.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate27.errors = vErrors;
return errors === 0;
}


function validate17(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((data.steps === undefined) && (missing0 = "steps")) || ((data.inputs === undefined) && (missing0 = "inputs"))) || ((data.outputs === undefined) && (missing0 = "outputs"))){
validate17.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((((((key0 === "steps") || (key0 === "inputs")) || (key0 === "outputs")) || (key0 === "contractions")) || (key0 === "predicted")) || (key0 === "transfers"))){
validate17.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.steps !== undefined){
let data0 = data.steps;
const _errs2 = errors;
if(errors === _errs2){
if(Array.isArray(data0)){
var valid1 = true;
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
const _errs4 = errors;
if(!(validate18(data0[i0], {instancePath:instancePath+"/steps/" + i0,parentData:data0,parentDataProperty:i0,rootData}))){
vErrors = vErrors === null ? validate18.errors : vErrors.concat(validate18.errors);
errors = vErrors.length;
}
var valid1 = _errs4 === errors;
if(!valid1){
break;
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/steps",schemaPath:"#/properties/steps/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.inputs !== undefined){
let data2 = data.inputs;
const _errs5 = errors;
if(errors === _errs5){
if(Array.isArray(data2)){
var valid2 = true;
const len1 = data2.length;
for(let i1=0; i1<len1; i1++){
let data3 = data2[i1];
const _errs7 = errors;
if(errors === _errs7){
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
let missing1;
if(((((((data3.name === undefined) && (missing1 = "name")) || ((data3.tensor === undefined) && (missing1 = "tensor"))) || ((data3.dtype === undefined) && (missing1 = "dtype"))) || ((data3.shape === undefined) && (missing1 = "shape"))) || ((data3.default === undefined) && (missing1 = "default"))) || ((data3.counter === undefined) && (missing1 = "counter"))){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1,schemaPath:"#/properties/inputs/items/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs9 = errors;
for(const key1 in data3){
if(!((((((key1 === "name") || (key1 === "tensor")) || (key1 === "dtype")) || (key1 === "shape")) || (key1 === "default")) || (key1 === "counter"))){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1,schemaPath:"#/properties/inputs/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs9 === errors){
if(data3.name !== undefined){
const _errs10 = errors;
if(typeof data3.name !== "string"){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/name",schemaPath:"#/properties/inputs/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid3 = _errs10 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.tensor !== undefined){
let data5 = data3.tensor;
const _errs12 = errors;
const _errs13 = errors;
if(!(((typeof data5 == "number") && (!(data5 % 1) && !isNaN(data5))) && (isFinite(data5)))){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/tensor",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs13){
if((typeof data5 == "number") && (isFinite(data5))){
if(data5 > 4294967295 || isNaN(data5)){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/tensor",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data5 < 0 || isNaN(data5)){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/tensor",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid3 = _errs12 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.dtype !== undefined){
let data6 = data3.dtype;
const _errs15 = errors;
if(!((data6 === "f32") || (data6 === "i32"))){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema23.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid3 = _errs15 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.shape !== undefined){
let data7 = data3.shape;
const _errs17 = errors;
const _errs18 = errors;
if(errors === _errs18){
if(Array.isArray(data7)){
if(data7.length > 64){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/shape",schemaPath:"#/definitions/shape/maxItems",keyword:"maxItems",params:{limit: 64},message:"must NOT have more than 64 items"}];
return false;
}
else {
var valid7 = true;
const len2 = data7.length;
for(let i2=0; i2<len2; i2++){
let data8 = data7[i2];
const _errs20 = errors;
if(!(((typeof data8 == "number") && (!(data8 % 1) && !isNaN(data8))) && (isFinite(data8)))){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/shape/" + i2,schemaPath:"#/definitions/shape/items/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data8 == "number") && (isFinite(data8))){
if(data8 > 9007199254740991 || isNaN(data8)){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/shape/" + i2,schemaPath:"#/definitions/shape/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data8 < 1 || isNaN(data8)){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/shape/" + i2,schemaPath:"#/definitions/shape/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
}
var valid7 = _errs20 === errors;
if(!valid7){
break;
}
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/shape",schemaPath:"#/definitions/shape/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid3 = _errs17 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.default !== undefined){
let data9 = data3.default;
const _errs22 = errors;
if((!((typeof data9 == "number") && (isFinite(data9)))) && (data9 !== null)){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/default",schemaPath:"#/properties/inputs/items/properties/default/type",keyword:"type",params:{type: schema33.properties.inputs.items.properties.default.type},message:"must be number,null"}];
return false;
}
var valid3 = _errs22 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.counter !== undefined){
const _errs24 = errors;
if(typeof data3.counter !== "boolean"){
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1+"/counter",schemaPath:"#/properties/inputs/items/properties/counter/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"}];
return false;
}
var valid3 = _errs24 === errors;
}
else {
var valid3 = true;
}
}
}
}
}
}
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/inputs/" + i1,schemaPath:"#/properties/inputs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs7 === errors;
if(!valid2){
break;
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/inputs",schemaPath:"#/properties/inputs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs5 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.outputs !== undefined){
let data11 = data.outputs;
const _errs26 = errors;
if(errors === _errs26){
if(Array.isArray(data11)){
var valid8 = true;
const len3 = data11.length;
for(let i3=0; i3<len3; i3++){
let data12 = data11[i3];
const _errs28 = errors;
if(errors === _errs28){
if(data12 && typeof data12 == "object" && !Array.isArray(data12)){
let missing2;
if(((((data12.name === undefined) && (missing2 = "name")) || ((data12.tensor === undefined) && (missing2 = "tensor"))) || ((data12.dtype === undefined) && (missing2 = "dtype"))) || ((data12.shape === undefined) && (missing2 = "shape"))){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3,schemaPath:"#/properties/outputs/items/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
const _errs30 = errors;
for(const key2 in data12){
if(!((((key2 === "name") || (key2 === "tensor")) || (key2 === "dtype")) || (key2 === "shape"))){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3,schemaPath:"#/properties/outputs/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key2},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs30 === errors){
if(data12.name !== undefined){
const _errs31 = errors;
if(typeof data12.name !== "string"){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/name",schemaPath:"#/properties/outputs/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid9 = _errs31 === errors;
}
else {
var valid9 = true;
}
if(valid9){
if(data12.tensor !== undefined){
let data14 = data12.tensor;
const _errs33 = errors;
const _errs34 = errors;
if(!(((typeof data14 == "number") && (!(data14 % 1) && !isNaN(data14))) && (isFinite(data14)))){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/tensor",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs34){
if((typeof data14 == "number") && (isFinite(data14))){
if(data14 > 4294967295 || isNaN(data14)){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/tensor",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data14 < 0 || isNaN(data14)){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/tensor",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid9 = _errs33 === errors;
}
else {
var valid9 = true;
}
if(valid9){
if(data12.dtype !== undefined){
let data15 = data12.dtype;
const _errs36 = errors;
if(!((data15 === "f32") || (data15 === "i32"))){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema23.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid9 = _errs36 === errors;
}
else {
var valid9 = true;
}
if(valid9){
if(data12.shape !== undefined){
let data16 = data12.shape;
const _errs38 = errors;
const _errs39 = errors;
if(errors === _errs39){
if(Array.isArray(data16)){
if(data16.length > 64){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/shape",schemaPath:"#/definitions/shape/maxItems",keyword:"maxItems",params:{limit: 64},message:"must NOT have more than 64 items"}];
return false;
}
else {
var valid13 = true;
const len4 = data16.length;
for(let i4=0; i4<len4; i4++){
let data17 = data16[i4];
const _errs41 = errors;
if(!(((typeof data17 == "number") && (!(data17 % 1) && !isNaN(data17))) && (isFinite(data17)))){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/shape/" + i4,schemaPath:"#/definitions/shape/items/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs41){
if((typeof data17 == "number") && (isFinite(data17))){
if(data17 > 9007199254740991 || isNaN(data17)){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/shape/" + i4,schemaPath:"#/definitions/shape/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data17 < 1 || isNaN(data17)){
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/shape/" + i4,schemaPath:"#/definitions/shape/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
}
var valid13 = _errs41 === errors;
if(!valid13){
break;
}
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3+"/shape",schemaPath:"#/definitions/shape/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid9 = _errs38 === errors;
}
else {
var valid9 = true;
}
}
}
}
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/outputs/" + i3,schemaPath:"#/properties/outputs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid8 = _errs28 === errors;
if(!valid8){
break;
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/outputs",schemaPath:"#/properties/outputs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs26 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.contractions !== undefined){
let data18 = data.contractions;
const _errs43 = errors;
if(errors === _errs43){
if(Array.isArray(data18)){
var valid14 = true;
const len5 = data18.length;
for(let i5=0; i5<len5; i5++){
const _errs45 = errors;
if(!(validate22(data18[i5], {instancePath:instancePath+"/contractions/" + i5,parentData:data18,parentDataProperty:i5,rootData}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
var valid14 = _errs45 === errors;
if(!valid14){
break;
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/contractions",schemaPath:"#/properties/contractions/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs43 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.predicted !== undefined){
const _errs46 = errors;
if(!(validate25(data.predicted, {instancePath:instancePath+"/predicted",parentData:data,parentDataProperty:"predicted",rootData}))){
vErrors = vErrors === null ? validate25.errors : vErrors.concat(validate25.errors);
errors = vErrors.length;
}
var valid0 = _errs46 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.transfers !== undefined){
let data21 = data.transfers;
const _errs47 = errors;
if(errors === _errs47){
if(Array.isArray(data21)){
var valid15 = true;
const len6 = data21.length;
for(let i6=0; i6<len6; i6++){
const _errs49 = errors;
if(!(validate27(data21[i6], {instancePath:instancePath+"/transfers/" + i6,parentData:data21,parentDataProperty:i6,rootData}))){
vErrors = vErrors === null ? validate27.errors : vErrors.concat(validate27.errors);
errors = vErrors.length;
}
var valid15 = _errs49 === errors;
if(!valid15){
break;
}
}
}
else {
validate17.errors = [{instancePath:instancePath+"/transfers",schemaPath:"#/properties/transfers/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs47 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
else {
validate17.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate17.errors = vErrors;
return errors === 0;
}

const schema68 = {"type":"object","additionalProperties":false,"required":["staging","slots"],"properties":{"staging":{"type":"object","additionalProperties":false,"required":["buffers","bytes"],"properties":{"buffers":{"$ref":"#/definitions/index"},"bytes":{"$ref":"#/definitions/bytes"}}},"slots":{"type":"array","items":{"$ref":"#/definitions/slot"}}}};
const schema71 = {"type":"object","additionalProperties":false,"required":["tier","offset","bytes","tensor","copies"],"properties":{"tier":{"enum":["memory","file"]},"offset":{"$ref":"#/definitions/bytes"},"bytes":{"$ref":"#/definitions/bytes"},"tensor":{"type":["integer","null"],"minimum":0,"maximum":4294967295},"copies":{"enum":[1,2]}}};

function validate31(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((((data.tier === undefined) && (missing0 = "tier")) || ((data.offset === undefined) && (missing0 = "offset"))) || ((data.bytes === undefined) && (missing0 = "bytes"))) || ((data.tensor === undefined) && (missing0 = "tensor"))) || ((data.copies === undefined) && (missing0 = "copies"))){
validate31.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(((((key0 === "tier") || (key0 === "offset")) || (key0 === "bytes")) || (key0 === "tensor")) || (key0 === "copies"))){
validate31.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.tier !== undefined){
let data0 = data.tier;
const _errs2 = errors;
if(!((data0 === "memory") || (data0 === "file"))){
validate31.errors = [{instancePath:instancePath+"/tier",schemaPath:"#/properties/tier/enum",keyword:"enum",params:{allowedValues: schema71.properties.tier.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.offset !== undefined){
let data1 = data.offset;
const _errs3 = errors;
const _errs4 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate31.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs4){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
validate31.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate31.errors = [{instancePath:instancePath+"/offset",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bytes !== undefined){
let data2 = data.bytes;
const _errs6 = errors;
const _errs7 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate31.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs7){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
validate31.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate31.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.tensor !== undefined){
let data3 = data.tensor;
const _errs9 = errors;
if((!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))) && (data3 !== null)){
validate31.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/properties/tensor/type",keyword:"type",params:{type: schema71.properties.tensor.type},message:"must be integer,null"}];
return false;
}
if(errors === _errs9){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 4294967295 || isNaN(data3)){
validate31.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/properties/tensor/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data3 < 0 || isNaN(data3)){
validate31.errors = [{instancePath:instancePath+"/tensor",schemaPath:"#/properties/tensor/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.copies !== undefined){
let data4 = data.copies;
const _errs11 = errors;
if(!((data4 === 1) || (data4 === 2))){
validate31.errors = [{instancePath:instancePath+"/copies",schemaPath:"#/properties/copies/enum",keyword:"enum",params:{allowedValues: schema71.properties.copies.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs11 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
else {
validate31.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate31.errors = vErrors;
return errors === 0;
}


function validate30(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((data.staging === undefined) && (missing0 = "staging")) || ((data.slots === undefined) && (missing0 = "slots"))){
validate30.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((key0 === "staging") || (key0 === "slots"))){
validate30.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.staging !== undefined){
let data0 = data.staging;
const _errs2 = errors;
if(errors === _errs2){
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
let missing1;
if(((data0.buffers === undefined) && (missing1 = "buffers")) || ((data0.bytes === undefined) && (missing1 = "bytes"))){
validate30.errors = [{instancePath:instancePath+"/staging",schemaPath:"#/properties/staging/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs4 = errors;
for(const key1 in data0){
if(!((key1 === "buffers") || (key1 === "bytes"))){
validate30.errors = [{instancePath:instancePath+"/staging",schemaPath:"#/properties/staging/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs4 === errors){
if(data0.buffers !== undefined){
let data1 = data0.buffers;
const _errs5 = errors;
const _errs6 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate30.errors = [{instancePath:instancePath+"/staging/buffers",schemaPath:"#/definitions/index/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs6){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 4294967295 || isNaN(data1)){
validate30.errors = [{instancePath:instancePath+"/staging/buffers",schemaPath:"#/definitions/index/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295},message:"must be <= 4294967295"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate30.errors = [{instancePath:instancePath+"/staging/buffers",schemaPath:"#/definitions/index/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid1 = _errs5 === errors;
}
else {
var valid1 = true;
}
if(valid1){
if(data0.bytes !== undefined){
let data2 = data0.bytes;
const _errs8 = errors;
const _errs9 = errors;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
validate30.errors = [{instancePath:instancePath+"/staging/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs9){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
validate30.errors = [{instancePath:instancePath+"/staging/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate30.errors = [{instancePath:instancePath+"/staging/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid1 = _errs8 === errors;
}
else {
var valid1 = true;
}
}
}
}
}
else {
validate30.errors = [{instancePath:instancePath+"/staging",schemaPath:"#/properties/staging/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.slots !== undefined){
let data3 = data.slots;
const _errs11 = errors;
if(errors === _errs11){
if(Array.isArray(data3)){
var valid4 = true;
const len0 = data3.length;
for(let i0=0; i0<len0; i0++){
const _errs13 = errors;
if(!(validate31(data3[i0], {instancePath:instancePath+"/slots/" + i0,parentData:data3,parentDataProperty:i0,rootData}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
var valid4 = _errs13 === errors;
if(!valid4){
break;
}
}
}
else {
validate30.errors = [{instancePath:instancePath+"/slots",schemaPath:"#/properties/slots/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs11 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
else {
validate30.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate30.errors = vErrors;
return errors === 0;
}

const schema74 = {"type":"object","additionalProperties":false,"required":["file","bytes","sha256","pages"],"properties":{"file":{"type":"string"},"bytes":{"$ref":"#/definitions/bytes"},"sha256":{"type":"string","pattern":"^[0-9a-f]{64}$"},"pages":{"type":"integer","minimum":0,"maximum":65536}}};
const pattern1 = new RegExp("^[0-9a-f]{64}$", "u");

function validate34(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((data.file === undefined) && (missing0 = "file")) || ((data.bytes === undefined) && (missing0 = "bytes"))) || ((data.sha256 === undefined) && (missing0 = "sha256"))) || ((data.pages === undefined) && (missing0 = "pages"))){
validate34.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((((key0 === "file") || (key0 === "bytes")) || (key0 === "sha256")) || (key0 === "pages"))){
validate34.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.file !== undefined){
const _errs2 = errors;
if(typeof data.file !== "string"){
validate34.errors = [{instancePath:instancePath+"/file",schemaPath:"#/properties/file/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.bytes !== undefined){
let data1 = data.bytes;
const _errs4 = errors;
const _errs5 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate34.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs5){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
validate34.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data1 < 0 || isNaN(data1)){
validate34.errors = [{instancePath:instancePath+"/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.sha256 !== undefined){
let data2 = data.sha256;
const _errs7 = errors;
if(errors === _errs7){
if(typeof data2 === "string"){
if(!pattern1.test(data2)){
validate34.errors = [{instancePath:instancePath+"/sha256",schemaPath:"#/properties/sha256/pattern",keyword:"pattern",params:{pattern: "^[0-9a-f]{64}$"},message:"must match pattern \""+"^[0-9a-f]{64}$"+"\""}];
return false;
}
}
else {
validate34.errors = [{instancePath:instancePath+"/sha256",schemaPath:"#/properties/sha256/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
}
var valid0 = _errs7 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.pages !== undefined){
let data3 = data.pages;
const _errs9 = errors;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
validate34.errors = [{instancePath:instancePath+"/pages",schemaPath:"#/properties/pages/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs9){
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 65536 || isNaN(data3)){
validate34.errors = [{instancePath:instancePath+"/pages",schemaPath:"#/properties/pages/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65536},message:"must be <= 65536"}];
return false;
}
else {
if(data3 < 0 || isNaN(data3)){
validate34.errors = [{instancePath:instancePath+"/pages",schemaPath:"#/properties/pages/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
else {
validate34.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate34.errors = vErrors;
return errors === 0;
}


function validate10(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
/*# sourceURL="urn:btc-compiler:plan:1" */;
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((((((((data.format === undefined) && (missing0 = "format")) || ((data.version === undefined) && (missing0 = "version"))) || ((data.name === undefined) && (missing0 = "name"))) || ((data.target === undefined) && (missing0 = "target"))) || ((data.producer === undefined) && (missing0 = "producer"))) || ((data.memory === undefined) && (missing0 = "memory"))) || ((data.slabs === undefined) && (missing0 = "slabs"))) || ((data.tensors === undefined) && (missing0 = "tensors"))) || ((data.kernels === undefined) && (missing0 = "kernels"))) || ((data.programs === undefined) && (missing0 = "programs"))){
validate10.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(func2.call(schema11.properties, key0))){
validate10.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.format !== undefined){
const _errs2 = errors;
if("btc-plan" !== data.format){
validate10.errors = [{instancePath:instancePath+"/format",schemaPath:"#/properties/format/const",keyword:"const",params:{allowedValue: "btc-plan"},message:"must be equal to constant"}];
return false;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.version !== undefined){
const _errs3 = errors;
if(2 !== data.version){
validate10.errors = [{instancePath:instancePath+"/version",schemaPath:"#/properties/version/const",keyword:"const",params:{allowedValue: 2},message:"must be equal to constant"}];
return false;
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.name !== undefined){
const _errs4 = errors;
if(typeof data.name !== "string"){
validate10.errors = [{instancePath:instancePath+"/name",schemaPath:"#/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.target !== undefined){
let data3 = data.target;
const _errs6 = errors;
if(!((data3 === "webgpu") || (data3 === "wasm"))){
validate10.errors = [{instancePath:instancePath+"/target",schemaPath:"#/properties/target/enum",keyword:"enum",params:{allowedValues: schema11.properties.target.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.producer !== undefined){
const _errs7 = errors;
if(typeof data.producer !== "string"){
validate10.errors = [{instancePath:instancePath+"/producer",schemaPath:"#/properties/producer/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs7 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.profile !== undefined){
const _errs9 = errors;
if(typeof data.profile !== "string"){
validate10.errors = [{instancePath:instancePath+"/profile",schemaPath:"#/properties/profile/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.levers !== undefined){
let data6 = data.levers;
const _errs11 = errors;
if(errors === _errs11){
if(data6 && typeof data6 == "object" && !Array.isArray(data6)){
let missing1;
if(((data6.recompute === undefined) && (missing1 = "recompute")) || ((data6.swap === undefined) && (missing1 = "swap"))){
validate10.errors = [{instancePath:instancePath+"/levers",schemaPath:"#/properties/levers/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
const _errs13 = errors;
for(const key1 in data6){
if(!((key1 === "recompute") || (key1 === "swap"))){
validate10.errors = [{instancePath:instancePath+"/levers",schemaPath:"#/properties/levers/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs13 === errors){
if(data6.recompute !== undefined){
const _errs14 = errors;
if(typeof data6.recompute !== "string"){
validate10.errors = [{instancePath:instancePath+"/levers/recompute",schemaPath:"#/properties/levers/properties/recompute/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid1 = _errs14 === errors;
}
else {
var valid1 = true;
}
if(valid1){
if(data6.swap !== undefined){
const _errs16 = errors;
if(typeof data6.swap !== "string"){
validate10.errors = [{instancePath:instancePath+"/levers/swap",schemaPath:"#/properties/levers/properties/swap/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid1 = _errs16 === errors;
}
else {
var valid1 = true;
}
}
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/levers",schemaPath:"#/properties/levers/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs11 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.memory !== undefined){
const _errs18 = errors;
if(!(validate11(data.memory, {instancePath:instancePath+"/memory",parentData:data,parentDataProperty:"memory",rootData}))){
vErrors = vErrors === null ? validate11.errors : vErrors.concat(validate11.errors);
errors = vErrors.length;
}
var valid0 = _errs18 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.slabs !== undefined){
let data10 = data.slabs;
const _errs19 = errors;
if(errors === _errs19){
if(Array.isArray(data10)){
var valid2 = true;
const len0 = data10.length;
for(let i0=0; i0<len0; i0++){
let data11 = data10[i0];
const _errs21 = errors;
if(errors === _errs21){
if(data11 && typeof data11 == "object" && !Array.isArray(data11)){
let missing2;
if((data11.bytes === undefined) && (missing2 = "bytes")){
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0,schemaPath:"#/properties/slabs/items/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
const _errs23 = errors;
for(const key2 in data11){
if(!(key2 === "bytes")){
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0,schemaPath:"#/properties/slabs/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key2},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs23 === errors){
if(data11.bytes !== undefined){
let data12 = data11.bytes;
const _errs25 = errors;
if(!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))){
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0+"/bytes",schemaPath:"#/definitions/bytes/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs25){
if((typeof data12 == "number") && (isFinite(data12))){
if(data12 > 9007199254740991 || isNaN(data12)){
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0+"/bytes",schemaPath:"#/definitions/bytes/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991},message:"must be <= 9007199254740991"}];
return false;
}
else {
if(data12 < 0 || isNaN(data12)){
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0+"/bytes",schemaPath:"#/definitions/bytes/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
}
}
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/slabs/" + i0,schemaPath:"#/properties/slabs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs21 === errors;
if(!valid2){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/slabs",schemaPath:"#/properties/slabs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs19 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.tensors !== undefined){
let data13 = data.tensors;
const _errs27 = errors;
if(errors === _errs27){
if(Array.isArray(data13)){
var valid5 = true;
const len1 = data13.length;
for(let i1=0; i1<len1; i1++){
const _errs29 = errors;
if(!(validate13(data13[i1], {instancePath:instancePath+"/tensors/" + i1,parentData:data13,parentDataProperty:i1,rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid5 = _errs29 === errors;
if(!valid5){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/tensors",schemaPath:"#/properties/tensors/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs27 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.kernels !== undefined){
let data15 = data.kernels;
const _errs30 = errors;
if(errors === _errs30){
if(Array.isArray(data15)){
var valid6 = true;
const len2 = data15.length;
for(let i2=0; i2<len2; i2++){
const _errs32 = errors;
if(!(validate15(data15[i2], {instancePath:instancePath+"/kernels/" + i2,parentData:data15,parentDataProperty:i2,rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid6 = _errs32 === errors;
if(!valid6){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/kernels",schemaPath:"#/properties/kernels/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs30 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.programs !== undefined){
let data17 = data.programs;
const _errs33 = errors;
if(errors === _errs33){
if(data17 && typeof data17 == "object" && !Array.isArray(data17)){
for(const key3 in data17){
const _errs36 = errors;
if(!(validate17(data17[key3], {instancePath:instancePath+"/programs/" + key3.replace(/~/g, "~0").replace(/\//g, "~1"),parentData:data17,parentDataProperty:key3,rootData}))){
vErrors = vErrors === null ? validate17.errors : vErrors.concat(validate17.errors);
errors = vErrors.length;
}
var valid7 = _errs36 === errors;
if(!valid7){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/programs",schemaPath:"#/properties/programs/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs33 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.swap !== undefined){
const _errs37 = errors;
if(!(validate30(data.swap, {instancePath:instancePath+"/swap",parentData:data,parentDataProperty:"swap",rootData}))){
vErrors = vErrors === null ? validate30.errors : vErrors.concat(validate30.errors);
errors = vErrors.length;
}
var valid0 = _errs37 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.module !== undefined){
const _errs38 = errors;
if(!(validate34(data.module, {instancePath:instancePath+"/module",parentData:data,parentDataProperty:"module",rootData}))){
vErrors = vErrors === null ? validate34.errors : vErrors.concat(validate34.errors);
errors = vErrors.length;
}
var valid0 = _errs38 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate10.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate10.errors = vErrors;
return errors === 0;
}
