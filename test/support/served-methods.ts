/**
 * Full paths of the gRPC methods that the server has. Every other method of the .proto files must
 * answer UNIMPLEMENTED, which `test/integration/surface.test.ts` checks against a running node.
 */
export function servedMethods(): string[] {
  return [
    '/etcdserverpb.KV/Range',
    '/etcdserverpb.KV/RangeStream',
    '/etcdserverpb.KV/Put',
    '/etcdserverpb.KV/DeleteRange',
    '/etcdserverpb.KV/Txn',
    '/etcdserverpb.KV/Compact',
    '/etcdserverpb.Watch/Watch',
    '/etcdserverpb.Cluster/MemberAdd',
    '/etcdserverpb.Cluster/MemberRemove',
    '/etcdserverpb.Cluster/MemberUpdate',
    '/etcdserverpb.Cluster/MemberList',
    '/etcdserverpb.Cluster/MemberPromote',
    '/etcdserverpb.Lease/LeaseGrant',
    '/etcdserverpb.Lease/LeaseRevoke',
    '/etcdserverpb.Lease/LeaseKeepAlive',
    '/etcdserverpb.Lease/LeaseTimeToLive',
    '/etcdserverpb.Lease/LeaseLeases',
    '/etcdserverpb.Maintenance/Alarm',
    '/etcdserverpb.Maintenance/Status',
    '/etcdserverpb.Maintenance/Defragment',
    '/etcdserverpb.Maintenance/Hash',
    '/etcdserverpb.Maintenance/HashKV',
    '/etcdserverpb.Maintenance/MoveLeader',
    '/v3lockpb.Lock/Lock',
    '/v3lockpb.Lock/Unlock',
    '/v3electionpb.Election/Campaign',
    '/v3electionpb.Election/Proclaim',
    '/v3electionpb.Election/Leader',
    '/v3electionpb.Election/Observe',
    '/v3electionpb.Election/Resign',
    '/grpc.health.v1.Health/Check',
    '/grpc.health.v1.Health/Watch',
  ]
}
