import { openRewards, runRoot, claimOf } from "./test/helpers/rewards.ts";
import { accountOf, receiptsHashOf } from "./test/helpers/rewardEntries.ts";
import { mined } from "./src/core/chain/events.ts";
import { buildSumTree } from "./src/rewards/tree.ts";
const world = await openRewards();
const N = 2**9+0;
const e = (n:number,k:number)=>({account:accountOf(n),cumulativeWei:(BigInt(k)*(50n*10n**9n+123_456_789n)+BigInt(n)*1234n)*10n**9n,receiptsHash:receiptsHashOf(accountOf(n),k)});
const one = await runRoot(world, Array.from({length:3},(_,n)=>e(n,1)));
await mined(world.rewards.claim(...claimOf(one, accountOf(1))));
const two = await runRoot(world, Array.from({length:N},(_,n)=>e(n,2)));
const r = await mined(world.rewards.claim(...claimOf(two, accountOf(1))));
const data = Buffer.from((await r.getTransaction()).data.slice(2),"hex");
const nz = data.filter(b=>b!==0).length; const intrinsic = 21000+nz*16+(data.length-nz)*4;
console.log("gas",r.gasUsed,"intrinsic",intrinsic, "exec", Number(r.gasUsed)-intrinsic);
const t:any = await world.ethers.provider.send("debug_traceTransaction",[r.hash,{disableMemory:true,disableStack:false,disableStorage:true}]);
const by:Record<string,[number,number]>={}; let d1=0,d2=0;
let out:string[]=[];
const L=t.structLogs; const sl=L.map((s:any,i:number)=>[s,i]).filter(([s]:any)=>s.depth===1&&s.op==="SLOAD").map(([,i]:any)=>i); const ks=L.map((s:any,i:number)=>[s,i]).filter(([s]:any)=>s.depth===1&&s.op==="KECCAK256").map(([,i]:any)=>i); const show=(n:string,a:number,b:number)=>console.log(n,L[a].gas-L[b].gas,L.slice(a,b).map((s:any)=>s.op).join(" ")); show("DECODE",0,sl[0]); show("PRE",sl[0],ks[0]); show("PRELOOP",ks[0],ks[2]); show("ITER",ks[3],ks[4]); show("POST",ks[10],sl[1]); const ss=L.findIndex((s:any)=>s.op==="SSTORE"); show("REC",sl[1],ss); const c=L.findIndex((s:any)=>s.op==="CALL"); show("PAY",ss,c); const e9=L.length-1-[...L].reverse().findIndex((s:any)=>s.depth===2); show("END",e9,L.length-1);
for (const [i,s] of t.structLogs.entries()) { const nxt=t.structLogs[i+1];
 if(["CALL","STATICCALL"].includes(s.op)) {out.push(`${s.op} d${s.depth} cost ${s.gasCost}`)}
 const k=`d${s.depth} ${s.op}`; (by[k]??=[0,0])[0]++; const c=["CALL","STATICCALL"].includes(s.op)?0:s.gasCost; by[k]![1]+=c; if(s.depth===1)d1+=c; else d2+=c;
 if(s.op==="SLOAD"||s.op==="SSTORE"||(s.depth===1&&["KECCAK256","CALLDATALOAD","CALLDATACOPY"].includes(s.op))||s.op.startsWith("LOG")) out.push(`${i} d${s.depth} ${s.op} ${s.gasCost} gas left ${s.gas}`);}
console.log(out.join("\n")); console.log("depth1",d1,"depth2",d2);
console.table(Object.entries(by).sort((a,b)=>b[1][1]-a[1][1]).slice(0,40).map(([k,[n,g]])=>({k,n,g})));
process.exit(0);
