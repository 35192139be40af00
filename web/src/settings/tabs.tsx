import { PageTabs, type TabLink } from '../kit/tabs'
import { useCan, useMe } from '../session/me'

/** What is one's own, then the workspace's, then the installation's. */
export function SettingsTabs() {
  const can = useCan()
  const { user } = useMe()
  const tabs: (TabLink | false)[] = [
    { label: 'You', link: { to: '/settings' } },
    { label: 'Security', link: { to: '/settings/security' } },
    { label: 'API keys', link: { to: '/settings/keys' } },
    can('member:read') && { label: 'Workspace', link: { to: '/settings/workspace' } },
    can('member:read') && { label: 'Roles', link: { to: '/settings/roles' } },
    can('member:read') && { label: 'Teams', link: { to: '/settings/teams' } },
    user.is_platform_admin && { label: 'People', link: { to: '/settings/people' } },
    user.is_platform_admin && { label: 'Platform', link: { to: '/settings/platform' } },
  ]
  return <PageTabs label="Settings" tabs={tabs.filter((tab) => tab !== false)} />
}
