// What a job is called: its verb and the name of its target.

import { useQuery } from '@tanstack/react-query'
import type { Job } from '../api/types'
import { nodesQuery } from '../node/api'
import { useWorkspace } from '../session/me'
import { workloadsQuery } from '../workload/api'
import { jobTitle } from './words'

export function useJobName(): (job: Pick<Job, 'kind' | 'target'>) => string {
  const { workspace } = useWorkspace()
  const workloads = useQuery(workloadsQuery(workspace)).data?.items
  const nodes = useQuery(nodesQuery(workspace)).data?.items
  return (job) => {
    const name = workloads?.find((w) => w.id === job.target)?.name ?? nodes?.find((n) => n.id === job.target)?.name
    return name === undefined ? jobTitle(job.kind) : `${jobTitle(job.kind)} ${name}`
  }
}
