// The nouns of the API under the names that the panel uses.

import type { components } from './generated/schema'

type S = components['schemas']

export type Me = S['Me']
export type Membership = S['MembershipView']
export type Workload = S['WorkloadView']
export type WorkloadState = Workload['state']
export type WorkloadCreate = S['WorkloadCreate']
export type WorkloadUpdate = Partial<S['WorkloadUpdate']>
export type Condition = S['Condition']
export type Limits = S['Limits']
export type Runtime = S['Runtime']
export type WorkloadStats = S['WorkloadStats']
type NodeView = S['NodeView']
/** A node. The client's types widen pairs to lists, so the pair is a list here, too. */
export type Node = Omit<NodeView, 'facts'> & { facts: Omit<NodeView['facts'], 'port_range'> & { port_range: number[] } }
export type NodeStats = S['NodeStats']
export type JoinTokenCreated = S['JoinTokenCreated']
export type JoinToken = S['JoinTokenView']
export type Template = S['TemplateView']
export type Job = S['JobView']
export type JobDetail = S['JobDetail']
export type JobState = Job['state']
export type Event = S['EventView']
export type Audit = S['AuditView']
export type Key = S['KeyView']
export type KeyCreate = S['KeyCreate']
export type KeyCreated = S['KeyCreated']
export type Capability = S['Capability']
export type ConsoleLine = S['ConsoleLine']
export type ConsoleFrame = S['ConsoleFrame']
