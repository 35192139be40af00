// Whether a second factor is demanded: of a workspace's people, or of everybody.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, ok } from '../api/client'
import { ErrorBox } from '../kit/error'
import { Switch } from '../kit/field'
import { notifyError } from '../kit/notice'
import { Select } from '../kit/select'
import { Skeleton } from '../kit/skeleton'
import { Card, Section } from '../shell/header'

const DAYS = [0, 1, 7, 14, 30]

/** `of` is a workspace; absent for the whole platform. */
export function Requirement({ of, who, isAllowed }: { of?: string; who: string; isAllowed: boolean }) {
  const client = useQueryClient()
  const key = ['requirement', of ?? 'platform']
  const params = { path: { workspace: of ?? '' } }
  const present = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => ok(of === undefined ? api.GET('/api/v1/auth/mfa/requirement', { signal }) : api.GET('/api/v1/workspaces/{workspace}/mfa/requirement', { params, signal })),
    enabled: of !== '',
  })
  const change = useMutation({
    mutationFn: (body: { is_required: boolean; grace_days: number | null }) => ok(of === undefined ? api.PUT('/api/v1/auth/mfa/requirement', { body }) : api.PUT('/api/v1/workspaces/{workspace}/mfa/requirement', { params, body })),
    onSuccess: (fresh) => {
      client.setQueryData(key, fresh)
      void client.invalidateQueries({ queryKey: ['factors'] })
    },
    onError: (error) => notifyError('change who needs a second factor', error),
  })
  const data = present.data
  const days = data?.grace_days ?? 7
  // What was asked for is shown at once, and taken back when it is refused.
  const isOn = change.isPending ? change.variables.is_required : (data?.is_required ?? false)
  return (
    <Section title="Second factor">
      {present.error !== null && data === undefined ? (
        <ErrorBox error={present.error} doing="read who needs a second factor" onRetry={() => void present.refetch()} />
      ) : (
        <Card className="flex flex-wrap items-center gap-x-6 gap-y-3 px-4 py-3">
          {data === undefined ? (
            <Skeleton className="h-8 w-full" />
          ) : (
            <>
              <div className="flex min-w-60 flex-1 items-center gap-3">
                <Switch id="required" isOn={isOn} disabled={!isAllowed || change.isPending} onChange={(is_required) => change.mutate({ is_required, grace_days: days })} />
                <label htmlFor="required" className="text-13">
                  Ask {who} for a second factor
                </label>
              </div>
              {isOn && (
                <Select
                  small
                  className="w-44"
                  label="Time to add one"
                  disabled={!isAllowed}
                  value={String(days)}
                  onValue={(value) => change.mutate({ is_required: true, grace_days: Number(value) })}
                  options={[...new Set([...DAYS, days])].sort((a, b) => a - b).map((each) => ({ value: String(each), label: each === 0 ? 'at once' : each === 1 ? 'within a day' : `within ${each} days` }))}
                />
              )}
            </>
          )}
        </Card>
      )}
    </Section>
  )
}
