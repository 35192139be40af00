// The nouns of the API under the names that the panel uses.

import type { components } from './generated/schema'

type S = components['schemas']

export type Me = S['Me']
export type Membership = S['MembershipView']
export type Workspace = S['WorkspaceView']
export type Workload = S['WorkloadView']
export type WorkloadState = Workload['state']
export type WorkloadCreate = S['WorkloadCreate']
export type WorkloadUpdate = Partial<S['WorkloadUpdate']>
export type Condition = S['Condition']
export type Limits = S['Limits']
export type Runtime = S['Runtime']
type NodeView = S['NodeView']
/** A node. The client's types widen pairs to lists, so the pair is a list here, too. */
export type Node = Omit<NodeView, 'facts' | 'warnings'> & { facts: Omit<NodeView['facts'], 'port_range'> & { port_range: number[] }; warnings?: string[] }
export type JoinTokenCreated = S['JoinTokenCreated']
export type JoinToken = S['JoinTokenView']
export type Template = S['TemplateView']
export type Job = S['JobView']
export type JobDetail = S['JobDetail']
export type JobState = Job['state']
export type Event = S['EventView']
export type Audit = S['AuditView']
export type SearchHit = S['SearchHit']
export type Key = S['KeyView']
export type KeyCreate = S['KeyCreate']
export type KeyCreated = S['KeyCreated']
export type KeyUpdate = S['KeyUpdate']
export type Capability = S['Capability']
export type User = S['UserView']
export type Invited = S['Invited']
export type Member = S['MemberView']
export type Invite = S['InviteView']
export type Session = S['SessionView']
export type Factor = S['FactorView']
export type Factors = S['FactorsView']
export type FactorCreated = S['FactorCreated']
export type TotpSecret = S['TotpSecret']
export type MfaChallenge = S['MfaChallenge']
export type MfaMethod = S['Method']
export type PasskeyRequest = S['PasskeyRequest']
export type PasskeyCreation = S['PasskeyCreation']
export type PasskeyAnswer = S['PasskeyAnswer']
export type PasskeyMade = S['PasskeyMade']
export type Confirm = S['Confirm']
export type Setting = S['SettingView']
export type Settings = S['SettingsView']
export type Provider = S['ProviderView']
export type ProviderCreate = S['ProviderCreate']
export type ProviderUpdate = S['ProviderUpdate']
export type Role = S['RoleView']
export type RoleRef = S['RoleRef']
export type Team = S['TeamView']
export type TeamMember = S['TeamMemberView']
export type AuditChain = S['AuditChain']
export type ConsoleLine = S['ConsoleLine']
export type Match = S['MatchView']
export type MatchDetail = S['MatchDetail']
export type MatchCreate = S['MatchCreate']
export type MatchTitle = S['TitleView']
export type Bot = S['BotView']
export type BotCreate = S['BotCreate']
export type BotCreated = S['BotCreated']

// What streams and sockets carry is no body of an answer, so the OpenAPI document does not have it. The same as in
// `crates/wire/src/stats.rs` and `console.rs`.

/** What a workload uses now. What cannot be measured is absent, never zero. */
export interface WorkloadStats {
  at: string
  cpu_millis: number | null
  memory_bytes: number | null
  memory_limit_bytes: number | null
  pids: number | null
  received_bytes: number | null
  sent_bytes: number | null
  disk_bytes: number | null
  players: number | null
}

/** What a node uses now. */
export interface NodeStats {
  at: string
  cpu_millis: number
  memory_used_bytes: number
  memory_total_bytes: number
  disk_used_bytes: number
  disk_total_bytes: number
  received_bytes: number
  sent_bytes: number
  load_millis: number
  workloads_running: number
}

/** Frames of the console's socket, server to client. */
export type ConsoleFrame = { type: 'lines'; lines: ConsoleLine[] } | { type: 'refused'; message: string }
